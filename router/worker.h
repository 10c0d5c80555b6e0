/* The webhook-workers that are here, and how much each of them takes.
 *
 * A worker belongs to the pool from the beginning of its session to its end; its jobs in flight go
 * back into the queue then.
 */
#ifndef SLIP_ROUTER_WORKER_H
#define SLIP_ROUTER_WORKER_H

#include "common/wire/link.h"

struct router;

struct worker {
    struct list of_pool;
    struct link *link;
    uint64_t credits; /* jobs it can have, those in flight included */
    uint64_t in_flight;
    struct list jobs; /* dispatch.h, oldest first */
};

struct worker_pool {
    struct list workers; /* who got a job last is the last */
    size_t count;
};

void worker_pool_init(struct worker_pool *pool);

/* Frees the workers; their jobs have been dealt with. */
void worker_pool_fini(struct worker_pool *pool);

/* The least loaded worker (the smallest share of its credits in flight; of equal ones, whose last
 * job is the longest ago), or NULL when none has a free credit. */
struct worker *worker_pool_pick(const struct worker_pool *pool);

/* It got a job. */
void worker_pool_used(struct worker_pool *pool, struct worker *worker);

/* Free credits of all. */
uint64_t worker_pool_credits(const struct worker_pool *pool);

void worker_on_up(struct router *router, struct link *link);
void worker_on_down(struct router *router, struct link *link);
/* Its link may have been full, with jobs waiting for nothing else. */
void worker_on_received(struct router *router, struct link *link);
void worker_on_ready(struct router *router, struct link *link, const struct wire_message *message);

#endif
