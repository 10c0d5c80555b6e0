/* The edge: the process that holds the clients' sockets, and the only authority on them.
 *
 *     acceptor ─▶ client ─▶ admission ─▶ connection ─▶ events ─▶ home router
 *                                            ▲ │
 *          controls ─▶ command ──────────────┘ └─▶ outbox ─▶ socket
 *
 * This is its state, shared by the files of edge/, each of which owns the part that bears its
 * name. One loop, one thread, one edge per process.
 */
#ifndef SLIP_EDGE_EDGE_H
#define SLIP_EDGE_EDGE_H

#include "common/process/lifecycle.h"
#include "edge/acceptor.h"
#include "edge/channel.h"
#include "edge/connection.h"
#include "edge/controls.h"
#include "edge/drain.h"
#include "edge/home.h"
#include "edge/neighbours.h"
#include "edge/origin.h"
#include "edge/protocol/rate.h"
#include "edge/sockets.h"
#include "edge/stalled.h"

struct edge {
    char id[EDGE_ID_LENGTH + 1];
    struct lifecycle *lifecycle;
    struct loop *loop;
    const struct config *config;

    struct acceptor acceptor;
    struct sockets sockets;
    struct list clients;   /* struct client: reading their request, the oldest first */
    struct list lingering; /* struct linger: writing their last bytes, the oldest first */
    size_t client_count, lingering_count;

    struct rate handshake_rate;
    struct neighbours neighbours;

    struct table connections;
    struct list in_order; /* the same, the oldest first */
    size_t in_stage[STAGE_COUNT];
    struct list dirty;
    struct loop_deferred flush;
    struct list paused;   /* may not be read */
    struct list resuming; /* may be read again, once the rest of the last read is decoded */
    struct loop_deferred read_on;
    size_t paused_count; /* in both */

    struct stalled stalled; /* may not be written */

    size_t event_count, event_bytes; /* of all connections, not acknowledged */
    size_t rest_bytes;               /* read and not decoded (inbox.h) */
    bool is_pressed;                 /* no socket is read, nobody is admitted */
    struct list unfinished;          /* struct inbox: messages under way */
    size_t unfinished_bytes;

    struct channel_index channels;
    struct origin_table origins;

    struct timer_wheel wheel;
    struct loop_timer tick;
    struct frame_rules rules;
    struct deflate_engine *engine;
    struct shared_frame *ping_frame;
    char *read_buffer; /* TRAFFIC_READ_BYTES, for whoever reads just now */

    struct home home;
    struct controls controls;
    struct drain drain;
};

/* The functions of struct program (lifecycle.h). */
int edge_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                void **ret_actor);
void edge_drain(void *actor);
void edge_frozen(void *actor);
void edge_check_ready(void *actor, struct readiness *readiness);
void edge_measure(void *actor);
void edge_destroy(void **actor);

static inline int64_t edge_now_ms(const struct edge *edge)
{
    return loop_now_ms(edge->loop);
}

/* Something that readiness depends on has changed: opens the listener when the edge can serve for
 * the first time. */
void edge_check_serving(struct edge *edge);

/* Events were added or acknowledged, or the home has come or gone: is the edge pressed? */
void edge_check_pressure(struct edge *edge);

/* This edge is dead to the others: its clients are closed (1012), nothing else is touched, and the
 * process ends with EXIT_FROZEN. `why` is for the log. */
NORETURN
void edge_die(struct edge *edge, const char *why);

#endif
