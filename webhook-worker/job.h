/* A job: one HTTP attempt for one batch (or one group of batches), from JOB to DONE.
 *
 *     JOB ──▶ QUEUED ──▶ POSTING ──▶ PARKED ◀──▶ COMMANDING ──▶ DONE
 *               │           │  └─ no commands, or a failure ──────▲
 *               └───────────┴─ draining: ABORTED ─────────────────┘
 *
 *     QUEUED      its request is written, and waits for a free transfer; while the target is down
 *                 (breaker.h) it goes back as HELD
 *     POSTING     the backend has it
 *     PARKED      answered; no control can take its commands now
 *     COMMANDING  a control has its commands; COMMANDED is awaited
 *
 * PARKED and COMMANDING hold no transfer. The answer itself is not kept: what follows from it, the
 * COMMANDS and the DONE, is encoded at once and sent when its time comes.
 *
 * A job belongs to its router (routers.h) and ends with the router's session, in any state: the
 * router gives it to another worker, and commands that were applied already are recognised by
 * their origin. Only job_finish() and job_destroy() end one.
 */
#ifndef SLIP_WEBHOOK_WORKER_JOB_H
#define SLIP_WEBHOOK_WORKER_JOB_H

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "common/base/table.h"
#include "common/contract/event.h"
#include "common/wire/wire.h"

struct control_peer;
struct router_peer;
struct transfer;
struct transfer_result;
struct worker;

enum job_state {
    JOB_STATE_NEW,
    JOB_STATE_QUEUED,
    JOB_STATE_POSTING,
    JOB_STATE_PARKED,
    JOB_STATE_COMMANDING,
    JOB_STATE_COUNT
};

/* A batch of the job. */
struct job_item {
    struct span connection; /* in the job's `names` */
    uint64_t first;
    uint64_t last;
    bool is_opening; /* OPEN is in it */
};

struct job {
    enum job_state state;
    struct worker *worker;
    struct router_peer *router;
    uint64_t number;    /* the router's */
    uint64_t reference; /* ours, for COMMANDS */
    struct table_link by_reference;
    struct list of_router; /* in its router's jobs */
    struct list place;     /* in the list of its state: queued, parked, or its control's */

    struct job_item *items;
    size_t item_count;
    struct span origin; /* of the answer's commands, if the router names it; in `names` */
    char *names;
    uint64_t attempt;    /* the highest of its items, for logs */
    bool is_probe;       /* POSTING: the breaker waits for it */
    int64_t posted_ms;   /* loop time */
    int64_t deadline_ms; /* loop time by which an OPEN must be answered; INT64_MAX without one */
    struct event_key key;

    struct buffer body;           /* the request */
    struct transfer *transfer;    /* POSTING */
    struct buffer commands;       /* COMMANDS, encoded: PARKED, COMMANDING */
    struct buffer done;           /* DONE, encoded: PARKED, COMMANDING */
    struct control_peer *control; /* COMMANDING */
};

/* All jobs of the worker. */
struct jobs {
    struct table by_reference;
    struct list queued;
    uint64_t last_reference;
    size_t counts[JOB_STATE_COUNT];
};

void jobs_init(struct jobs *jobs);

/* All jobs are gone before (with their routers; asserted). */
void jobs_fini(struct jobs *jobs);

/* The job that waits for COMMANDED under this reference, or NULL: it is over, or was never. */
struct job *jobs_find(const struct jobs *jobs, uint64_t reference);

/* Starts queued jobs while there are free transfers; gives them back while the target is down. */
void jobs_start(struct worker *worker);

/* Takes a JOB in, and starts it or queues it; refuses it with DONE (ABORTED while draining,
 * INVALID_ANSWER when the message makes no sense). */
void job_take(struct worker *worker, struct router_peer *router, const struct message_job *message);

/* The transfer of a job has ended. */
void job_answered(struct job *job, const struct transfer_result *result);

/* The only door between states; the edges are those of the picture (asserted). */
void job_set_state(struct job *job, enum job_state state);

/* COMMANDED came, or there was nothing to command: sends the job's DONE and ends it. */
void job_delivered(struct job *job);

/* Sends a DONE that is no DELIVERED, and ends the job. `error` is for logs and dead letters. */
void job_finish(struct job *job, enum job_outcome outcome, unsigned status, int64_t retry_after_ms,
                const char *error);

/* Ends the job without a word, cutting its transfer. Sets *job to NULL. */
void job_destroy(struct job **job);

#endif
