/* The worker's links to routers: who gives jobs, and how many at a time.
 *
 * READY tells each router how many jobs the worker holds for it at most: WEBHOOK_CONCURRENCY, and
 * above it (up to twice that) one for each of its jobs that waits for a control, because such a job
 * holds no transfer. What several routers give together above the concurrency waits here, QUEUED.
 * The number is rounded up to an eighth of the concurrency, and lowered only when it is more than
 * another eighth too high: else each answer on a quiet system would be two packets more.
 *
 * A router's jobs end with its session. One thread; owned by the worker.
 */
#ifndef SLIP_WEBHOOK_WORKER_ROUTERS_H
#define SLIP_WEBHOOK_WORKER_ROUTERS_H

#include "common/base/list.h"
#include "common/process/loop.h"
#include "common/wire/link.h"

struct worker;

/* A router whose session is up. */
struct router_peer {
    struct list link; /* in routers.peers */
    struct link *peer;
    struct list jobs;
    size_t job_count;
    size_t waiting;       /* of them PARKED or COMMANDING */
    uint64_t credits;     /* last told */
    uint64_t last_number; /* of the packet that carries the last thing said */
};

struct routers {
    struct list peers;
    size_t count;
    struct loop_deferred ready; /* READY at the end of the turn */
};

void routers_init(struct routers *routers, void (*on_ready)(struct loop_deferred *deferred));
void routers_fini(struct routers *routers);

/* What a worker of this concurrency takes when `waiting` jobs hold no transfer, and it has said
 * `told` the last time. */
uint64_t routers_credits(uint64_t concurrency, size_t waiting, uint64_t told);

/* For the link set of the routers; `context` is the worker. */
extern const struct link_handlers routers_link_handlers;

/* Where messages to a router are appended. */
struct buffer *router_packet(struct router_peer *router);

/* The router's number of waiting jobs changed: READY follows at the end of the turn, if it must. */
void routers_ready_later(struct worker *worker);

/* Tells each router its number, if it is another. */
void routers_ready(struct worker *worker);

/* Asks every router for its figures. */
void routers_measure(struct routers *routers, const struct message_measure *measure);

/* Have all routers received everything that was said to them? */
bool routers_have_received(const struct routers *routers);

/* Finishes every job, of any state, with ABORTED. */
void routers_abort_jobs(struct routers *routers);

/* Further jobs that would be taken now, for the gauge. */
uint64_t routers_free_credits(const struct routers *routers);

#endif
