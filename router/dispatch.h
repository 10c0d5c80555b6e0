/* From connections with something to say to workers with a free hand.
 *
 *     opens  ─▶ connection ─▶ connection       each has a batch and no job in flight;
 *     events ─▶ connection ─▶ connection       who has waited longest goes first
 *                    │
 *                    └── job: one connection, or a group of up to WEBHOOK_BATCH_CONNECTIONS
 *
 * A group holds OPENs only, or none. After a bad answer its connections come back in front with a
 * smaller limit for their next group, until the guilty one is alone.
 *
 * Replays of dead letters (replay.h) go between them, each alone, by the same rule.
 *
 * Runs at the end of a turn that made something ready or freed a credit. While the router leaves,
 * connections of edges that can go elsewhere may have to wait (drain.h).
 */
#ifndef SLIP_ROUTER_DISPATCH_H
#define SLIP_ROUTER_DISPATCH_H

#include "common/base/table.h"
#include "common/process/loop.h"
#include "common/wire/wire.h"
#include "router/worker.h"

struct connection;
struct router;

enum { DISPATCH_GROUP_BYTES = 4 << 20 }; /* no connection joins a group that is this large */

/* A request that a worker is making. */
struct job {
    struct table_link by_number;
    struct list of_worker;
    struct worker *worker;
    uint64_t number;
    int64_t began_ms;
    struct replay *replay; /* of a dead letter (replay.h), and of no connection; NULL otherwise */
    size_t count;
    struct connection *items[]; /* NULL: forgotten meanwhile */
};

struct dispatch {
    struct list opens;
    struct list events;
    size_t waiting;    /* connections in the two */
    size_t retrying;   /* connections that wait for their next attempt */
    struct table jobs; /* by number */
    uint64_t last_number;
    uint64_t last_stamp;
    struct record_job_item *scratch; /* for one JOB */
    struct connection **group;       /* the same connections */
    size_t group_limit;
    bool is_pausing; /* in this turn: drain.h */
    struct loop_deferred turn;
};

void dispatch_init(struct dispatch *dispatch, size_t group_limit);

/* No job may be in flight any more (dispatch_take_back). */
void dispatch_fini(struct dispatch *dispatch);

/* Asks for a look at the queues at the end of the turn. */
void dispatch_wake(struct router *router);

/* Puts a connection with a batch into its queue: behind the others, or in front of them. */
void dispatch_queue(struct connection *connection, bool in_front);

/* How long the oldest job has been under way; 0 when there is none. */
int64_t dispatch_longest_ms(const struct router *router);

/* Takes a connection out of its queue. */
void dispatch_unqueue(struct connection *connection);

/* The connection is no longer interested in its job. */
void dispatch_detach(struct connection *connection);

/* The worker is gone: its jobs end as JOB_ABORTED. */
void dispatch_take_back(struct router *router, struct worker *worker);

/* The handler of DONE; of a job that is not this worker's it is ignored. */
void dispatch_on_done(struct router *router, struct link *link, const struct wire_message *message);

/* Refuses the OPENs that have waited so long that no attempt is left to make. */
void dispatch_expire_opens(struct router *router);

#endif
