/* The router: takes sealed batches from edges, has workers post them, one request of a connection
 * at a time and in order, repeats what failed, and is the judge of which edges are alive.
 *
 *     edge ── BATCH ──▶ connection ──▶ dispatch ── JOB ──▶ worker
 *       ▲               │    ▲                               │
 *       └──── ACK ──────┘    └── retry ◀─────── DONE ────────┘
 *
 *     facts and snapshots ──▶ projection ──▶ PostgreSQL ──▶ orphans, after a crash
 *     adopted, dead, left ──▶ roll ──▶ workers ──▶ controls
 *
 * What it holds can be told again by the edges, except what dead edges have left behind, which is
 * in PostgreSQL. It never reads a payload, and never speaks to a client or the backend.
 *
 * One per process; everything here runs on its loop.
 */
#ifndef SLIP_ROUTER_ROUTER_H
#define SLIP_ROUTER_ROUTER_H

#include "common/base/table.h"
#include "common/process/lifecycle.h"
#include "common/wire/link.h"
#include "router/dead_letter.h"
#include "router/dispatch.h"
#include "router/orphans.h"
#include "router/projection.h"
#include "router/replay.h"
#include "router/retention.h"
#include "router/roll.h"
#include "router/store.h"
#include "router/worker.h"

enum { ROUTER_NAME_LENGTH = 16 };

struct router {
    struct lifecycle *lifecycle;
    struct loop *loop;
    const struct config *config;
    char name[ROUTER_NAME_LENGTH + 1]; /* drawn at every start */

    struct link_set *links;
    struct table edges;       /* by id */
    struct table connections; /* by id, of all edges */
    size_t held_batches;      /* of all connections … */
    size_t held_bytes;        /* … bounded by what the edges may have under way */

    struct worker_pool workers;
    struct dispatch dispatch;
    struct roll roll;
    struct store store;
    struct projection projection;
    struct dead_letters dead_letters;
    struct replays replays;
    struct retention retention;
    struct orphans orphans;

    struct loop_timer tick;
    int64_t started_ms;
    bool is_draining; /* drain.h */
    struct loop_timer drain_look;
    int64_t drain_began_ms;
    bool has_signed_off; /* what should be the last statement is on its way */
};

/* The functions of struct program (lifecycle.h). */
MUST_USE
int router_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor);
void router_drain(void *actor);
int64_t router_drain_limit_ms(const struct config *config);
void router_check_ready(void *actor, struct readiness *readiness);
void router_measure(void *actor);
void router_destroy(void **actor);

/* While draining: stops the program once nothing is under way. */
void router_check_drained(struct router *router);

#endif
