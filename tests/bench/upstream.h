/* POSTs to the backend over connections that stay: one request at a time on each, and as many
 * connections as there are requests under way. One per process.
 */
#ifndef SLIP_BENCH_UPSTREAM_H
#define SLIP_BENCH_UPSTREAM_H

#include "common/base/list.h"
#include "common/base/span.h"

/* The backend is at 127.0.0.1:`port`. `on_answered` gets the waiters of a request that was answered
 * with 200, and empties their list; any other answer ends the program. */
void upstream_open(uint16_t port, void (*on_answered)(struct list *waiters));

/* Sends `body`, and keeps all of `waiters`, which is empty after, until it is answered. A waiter
 * may remove itself meanwhile. */
void upstream_post(struct span body, struct list *waiters);

#endif
