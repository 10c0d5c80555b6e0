/* Where an OPEN came from: two members of its details, for people who look into PostgreSQL. The
 * only JSON that the router reads; nothing depends on it. Pure. */
#ifndef SLIP_ROUTER_ORIGIN_H
#define SLIP_ROUTER_ORIGIN_H

#include "common/base/buffer.h"

/* Takes "ip" and "path" from the details (event.h: members without braces). What is missing, is no
 * string or is not text for PostgreSQL stays empty. The spans point into `scratch`. */
void origin_read(struct span details, struct buffer *scratch, struct span *ret_ip,
                 struct span *ret_path);

#endif
