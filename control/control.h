/* Control: takes commands (REST, and the answers to webhooks that workers pass on) to the edges
 * that carry them out, and says when all have.
 *
 *     REST ─▶ rest_*.c ─┐                        ┌─▶ outbox ─▶ edge
 *                       ├─▶ request.c ─▶ edge.c ─┤
 *     worker ─▶ commands.c                       └─▶ outbox ─▶ edge
 *                             ▲
 *     roll.c, census.c ───────┘   which edges there are      channel_map.c   who may hold members
 *
 * It owns no connection's state and is the only copy of nothing: what it holds is rebuilt from the
 * edges and the routers' rolls. Until it is (cold), it carries nothing out. One loop; the process
 * has one of these.
 */
#ifndef SLIP_CONTROL_CONTROL_H
#define SLIP_CONTROL_CONTROL_H

#include "common/process/lifecycle.h"
#include "control/census.h"
#include "control/commands.h"
#include "control/figures.h"
#include "control/request.h"
#include "control/rest.h"
#include "control/status.h"
#include "control/watch.h"

enum { CONTROL_NAME_LENGTH = 16 };

struct control {
    struct lifecycle *lifecycle;
    struct loop *loop;
    const struct config *config;
    char name[CONTROL_NAME_LENGTH + 1];
    struct link_set *links;
    struct database *database;
    bool is_database_missed; /* the log has said that it is away */
    struct roll roll;
    struct census census;
    struct channel_map channels;
    struct edge_set edges;
    struct request_set requests;
    struct watch_set watches;
    struct worker_set workers;
    struct rest rest;
    struct figures figures;
    struct status status;
    struct loop_timer tick;
    struct loop_timer leaving; /* after the last REST answer: how long COMMANDS may still take */
    int64_t started_ms;
};

/* For lifecycle_main. */
int control_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                   void **ret_actor);
void control_drain(void *actor);
int64_t control_drain_limit_ms(const struct config *config);
void control_check_ready(void *actor, struct readiness *readiness);
void control_measure(void *actor);
void control_destroy(void **actor);

/* ---- cold.c ---- */

/* NULL when control is warm, and so it stays; else what it waits for, in words: a roll, and that
 * every live edge on it has announced its channels. Within PEER_TIMEOUT of the start it also waits
 * for the table `edges`, which knows edges of routers that have not been heard of. */
const char *control_cold_reason(const struct control *control);

/* Begins its work when it is cold and nothing is missing any more. */
void control_warm_up(struct control *control);

/* ---- standing.c ---- */

/* The roll may have changed: edges are live, unknown or buried by it. */
void control_apply_roll(struct control *control);

/* ---- messages.c ---- */

/* For its links; the peer is an edge, or else a worker. */
void control_on_message(void *context, struct link *link, const struct wire_message *message);
bool control_is_edge(const struct link *link);

#endif
