/* What the benchmark's HTTP server and clients both read of a head. */
#ifndef SLIP_BENCH_HTTP_H
#define SLIP_BENCH_HTTP_H

#include "common/base/span.h"

/* The length of the head at the beginning of `bytes`, its empty line included, or 0 when it is not
 * there as a whole. */
size_t http_head_length(struct span bytes);

/* The value of Content-Length, or 0 without that header. */
size_t http_content_length(struct span head);

#endif
