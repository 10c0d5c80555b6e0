/* The frames of RFC 6455 §5.2 as far as the benchmark's own servers need them: whole text messages.
 */
#ifndef SLIP_BENCH_FRAMES_H
#define SLIP_BENCH_FRAMES_H

#include "common/base/buffer.h"

/* A server's frame. */
void frames_append(struct buffer *buffer, struct span text);

/* Takes a client's frame from the beginning of `bytes`; returns its length, or 0 when it is not
 * there as a whole. *ret_text is unmasked, and valid until the next call. */
MUST_USE
size_t frames_take(struct span bytes, struct span *ret_text);

#endif
