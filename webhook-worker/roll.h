/* The rolls of live edges: the latest of each router, passed to every control when it comes and
 * when a control's session begins.
 *
 * A roll is kept while its router is up, and after it went until another router has spoken for the
 * rest of ROLL's keep time: a router that is merely out of our sight still has its edges.
 *
 * Owned by the worker; pure but for memory.
 */
#ifndef SLIP_WEBHOOK_WORKER_ROLL_H
#define SLIP_WEBHOOK_WORKER_ROLL_H

#include "common/base/buffer.h"
#include "common/base/table.h"
#include "common/wire/wire.h"

struct rolls {
    struct table by_router;
    int64_t keep_ms; /* how long the roll of a router that went is kept */
};

void rolls_init(struct rolls *rolls, int64_t keep_ms);
void rolls_fini(struct rolls *rolls);

/* Takes a ROLL in, and forgets those whose time is over. The encoded message, to be passed on, is
 * valid until the next call; an empty span when it is no newer than the one known. */
struct span rolls_take(struct rolls *rolls, const struct message_roll *message, int64_t now_ms);

/* The session with a router has ended. Unknown names are ignored. */
void rolls_router_down(struct rolls *rolls, struct span router, int64_t now_ms);

/* Appends every roll, encoded. */
void rolls_put(const struct rolls *rolls, struct buffer *packet);

/* For gauges: edges on all rolls, and the highest version. */
size_t rolls_live_edges(const struct rolls *rolls);
uint64_t rolls_version(const struct rolls *rolls);

#endif
