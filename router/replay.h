/* Dead letters that operators want delivered after all.
 *
 *     control sets replay_requested_at          claimed: this router's name is in the row
 *            │
 *            ▼       worker takes it
 *     QUEUED ─────────────────────▶ IN_FLIGHT ──delivered, or given up──▶ RECORDING ──▶ forgotten
 *        ▲ ▲                           │ │
 *        │ └──────── at once ──────────┘ │
 *        └───────── RETRYING ◀───────────┘
 *
 * A replay says the same as the attempts before: key, events, metadata. It goes to the workers
 * between the batches of connections, in no order with those of its own, and is repeated by the
 * same rules (retry.h). Given up once more, it waits for the next request with its new error; the
 * router does not try again by itself.
 *
 * The commands of the answer have an origin of their own, "dead-letter:<id>": for the edge, the
 * connection's later batches are no reason to skip them, and a second router that repeats the
 * replay changes nothing twice.
 *
 * A claim is given back at the end of a router; if it was killed, by another router that sees its
 * beat stand still for 2 × PEER_TIMEOUT. Two may then replay the same letter, under the same key.
 * Without PostgreSQL what is under way goes on, and its end waits to be recorded.
 */
#ifndef SLIP_ROUTER_REPLAY_H
#define SLIP_ROUTER_REPLAY_H

#include "common/base/table.h"
#include "common/database/database.h"
#include "common/process/loop.h"
#include "common/wire/wire.h"

struct batch;
struct job;
struct readiness;
struct router;

enum { REPLAYS_MAX = 32 }; /* under way in one router; the others wait in their rows */

enum replay_phase {
    REPLAY_QUEUED,
    REPLAY_IN_FLIGHT,
    REPLAY_RETRYING,
    REPLAY_RECORDING, /* its end is known, and not in PostgreSQL yet */
    REPLAY_PHASE_COUNT
};

struct replay {
    struct table_link by_id;
    struct list place; /* QUEUED, RECORDING */
    struct router *router;
    enum replay_phase phase;
    int64_t id;
    struct batch *batch; /* NULL: the row could not be read */
    struct loop_timer retry;
    struct job *job;
    uint64_t stamp; /* when it was queued, among the connections */
    bool is_delivered;
    uint64_t last_status;
    char *last_error;
    struct database_unit *unit; /* its end, on its way */
    char *metadata;             /* NULL: null */
    char *connection;
    char origin[WIRE_ID_BYTES];
};

struct replays {
    struct table by_id;
    struct list queued;
    struct list recording;
    int64_t record_not_before_ms;
    bool is_failing;        /* PostgreSQL did not take the last end */
    struct table claimants; /* routers that replay letters, and their beats */
    struct loop_timer timer;
    struct database_unit *unit; /* the look for requests */
    uint64_t looks;
    int64_t waiting; /* rows not delivered, for the metric */
};

void replays_init(struct replays *replays);
/* Forgets all; their jobs go on without them. */
void replays_fini(struct router *router);

void replays_on_database_ready(struct router *router);

/* Tries again to record what has ended. */
void replays_go_on(struct router *router);

/* Says that it is not recorded, if so. */
void replays_check_ready(const struct router *router, struct readiness *readiness);

/* Nothing that has ended waits to be recorded, or PostgreSQL is away. */
bool replays_are_recorded(const struct router *router);

/* ---- for dispatch ---- */

/* The replay that has waited longest for a worker; NULL when there is none, and while draining. */
struct replay *replays_next(const struct router *router);

/* What the worker is to post; valid as long as the replay. */
struct record_job_item replay_item(const struct replay *replay);

/* Its job is on its way. */
void replay_sent(struct replay *replay, struct job *job);

/* The job has ended so. */
void replay_on_done(struct replay *replay, const struct message_done *done);

/* ---- between replay.c and replay_claim.c ---- */

/* Begins to watch the beats of the routers that hold claims anew. */
void replay_claimants_forget(struct replays *replays);

/* A row that this router has claimed: columns of query_replay_claim. */
void replay_begin(struct router *router, const struct database_answer *answer, size_t row);

#endif
