#include "router/edge.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "router/connection.h"
#include "router/router.h"

static void on_gone(struct loop_deferred *deferred);

struct edge *edge_find(const struct router *router, struct span id)
{
    struct table_link *link = table_find(&router->edges, id);

    return link ? TABLE_ENTRY(link, struct edge, by_id) : NULL;
}

struct edge *edge_new(struct router *router, struct span id, enum edge_state state)
{
    struct edge *edge = xcalloc(1, sizeof *edge + id.length);

    memcpy(edge->id, id.data, id.length);
    edge->id_length = id.length;
    edge->router = router;
    edge->state = state;
    edge->heard_ms = loop_now_ms(router->loop);
    list_init(&edge->connections);
    list_init(&edge->finished);
    loop_deferred_init(&edge->gone, on_gone);
    edge_projection_init(&edge->projection);
    snapshot_init(&edge->snapshot);
    table_insert(&router->edges, &edge->by_id, edge_id(edge));
    return edge;
}

static void unlink_edge(struct edge *edge)
{
    if (edge->link)
        link_set_data(edge->link, NULL);
    edge->link = NULL;
}

static void free_connections(struct list *list)
{
    while (!list_is_empty(list)) {
        struct connection *connection = LIST_FIRST(list, struct connection, of_edge);
        connection_destroy(&connection);
    }
}

void edge_destroy(struct edge **edge)
{
    struct edge *ending = *edge;

    *edge = NULL;
    if (!ending)
        return;
    unlink_edge(ending);
    if (ending->unit)
        database_forget(ending->unit);
    free_connections(&ending->connections);
    free_connections(&ending->finished);
    edge_projection_drop(ending);
    snapshot_fini(&ending->snapshot);
    loop_undefer(&ending->gone);
    table_remove(&ending->router->edges, &ending->by_id);
    roll_changed(ending->router);
    free(ending->address);
    free(ending);
}

void edge_set_state(struct edge *edge, enum edge_state state)
{
#define TO(state) (1u << EDGE_##state)
    static const unsigned int ways[EDGE_STATE_COUNT] = {
        [EDGE_ADOPTING] = TO(LIVE) | TO(DEAD),
        [EDGE_LIVE] = TO(ADOPTING) | TO(LEAVING) | TO(JUDGED) | TO(DEAD),
        [EDGE_LEAVING] = TO(DEAD),
        [EDGE_JUDGED] = TO(LIVE) | TO(DEAD),
    };
#undef TO
    ASSERT(ways[edge->state] & 1u << state);
    edge->is_known_live |= state == EDGE_LIVE;
    edge->state = state;
    roll_changed(edge->router);
}

bool edge_is_heard(const struct edge *edge, int64_t limit_ms)
{
    int64_t silent_ms =
        edge->link ? link_silent_ms(edge->link) : loop_now_ms(edge->router->loop) - edge->heard_ms;

    return silent_ms < limit_ms;
}

bool edge_ask(struct edge *edge, struct database_unit *unit)
{
    struct database_unit *asked = unit;

    if (edge->unit)
        database_forget(edge->unit);
    edge->unit = NULL;
    int error = database_submit(edge->router->store.database, &unit);
    database_unit_destroy(&unit);
    if (error == 0)
        edge->unit = asked;
    return error == 0;
}

/* ---- the end of an edge that is gone ---- */

void edge_check_gone_later(struct edge *edge)
{
    if (edge_is_gone(edge))
        loop_defer(edge->router->loop, &edge->gone);
}

/* PostgreSQL, if there is one, is told before we forget: it remembers for a day. */
static void on_gone(struct loop_deferred *deferred)
{
    struct edge *edge = CONTAINER_OF(deferred, struct edge, gone);
    struct router *router = edge->router;

    if (!edge_is_gone(edge) || edge->connection_count > 0 || edge->is_unsettled)
        return;
    if (edge->state == EDGE_LEAVING && !edge->is_left_told) {
        edge->is_left_told = true;
        projection_edge_state(edge, "left");
    }
    if (edge->projection.is_stale || !projection_is_idle(edge))
        return;
    log_info("edge forgotten", LOG_SPAN("edge", edge_id(edge)));
    edge_destroy(&edge);
    router_check_drained(router);
}

/* ---- messages ---- */

void edge_send_expired(struct link *link, struct span id)
{
    wire_put_expired(link_packet(link), &(struct message_expired){.edge = id});
}

static void take_link(struct edge *edge, struct link *link, const struct message_adopt *adopt)
{
    if (edge->link != link)
        unlink_edge(edge);
    edge->link = link;
    link_set_data(link, edge);
    edge->is_answered = false;
    edge->is_repeating = adopt->returning;
    edge->adopted_ms = loop_now_ms(edge->router->loop);
    free(edge->address);
    edge->address = span_dup(adopt->address);
    LIST_FOR_EACH(&edge->finished, finished)
        LIST_ENTRY(finished, struct connection, of_edge)->ack_number = 0;
}

void edge_on_adopt(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_adopt *adopt = &message->as.adopt;
    struct span id = link_peer_name(link);
    struct edge *edge = edge_find(router, id);

    bool is_dead = edge ? edge->state == EDGE_DEAD : roll_is_dead(router, id);

    if (is_dead) {
        log_info("edge expired", LOG_SPAN("edge", id));
        edge_send_expired(link, id);
        return;
    }
    if (!edge)
        edge = edge_new(router, id, EDGE_ADOPTING);
    take_link(edge, link, adopt);
    reconcile_stop(edge);
    edge->snapshot.is_wanted = adopt->returning || adopt->connections > 0 ||
                               edge->connection_count > 0 || edge->projection.is_stale;
    if (edge->state == EDGE_LIVE)
        edge_set_state(edge, EDGE_ADOPTING);
    if (edge->state == EDGE_LEAVING)
        wire_put_adopted(link_packet(link), &(struct message_adopted){.epoch = edge->epoch});
    else if (edge->state == EDGE_ADOPTING)
        edge_adopt(edge);
}

/* Every client is gone there; what is left is for us to deliver, and to end. */
static void begin_to_leave(struct edge *edge)
{
    edge_set_state(edge, EDGE_LEAVING);
    roll_bury(edge->router, edge_id(edge), edge->epoch);
    reconcile_stop(edge);
    projection_edge_state(edge, "leaving");
    LIST_FOR_EACH(&edge->connections, link)
        connection_orphan(LIST_ENTRY(link, struct connection, of_edge));
    edge_check_gone_later(edge);
}

void edge_on_leaving(struct router *router, struct link *link, const struct wire_message *message)
{
    struct edge *edge = link_data(link);

    (void)router;
    (void)message;
    if (!edge)
        return;
    log_info("edge leaving", LOG_SPAN("edge", edge_id(edge)),
             LOG_UINT("connections", edge->connection_count));
    link_acknowledge_now(link);
    edge->has_said_leaving = true;
    if (edge->state == EDGE_LIVE)
        begin_to_leave(edge);
}

void edge_on_down(struct router *router, struct link *link)
{
    struct edge *edge = link_data(link);

    if (!edge)
        return;
    edge->heard_ms = loop_now_ms(router->loop) - link_silent_ms(link);
    log_info("edge's link down", LOG_SPAN("edge", edge_id(edge)));
    reconcile_stop(edge);
    edge->snapshot.is_wanted = true;
    unlink_edge(edge);
}

void edge_on_received(struct router *router, struct link *link)
{
    struct edge *edge = link_data(link);

    (void)router;
    if (!edge)
        return;
    LIST_FOR_EACH(&edge->finished, place) {
        struct connection *connection = LIST_ENTRY(place, struct connection, of_edge);
        if (connection->ack_number > link_received(link))
            break;
        if (connection->ack_number > 0)
            connection_destroy(&connection);
    }
}

/* ---- after ADOPTED ---- */

static void answer_adopt(struct edge *edge)
{
    if (!edge->link || edge->is_answered)
        return;
    wire_put_adopted(link_packet(edge->link), &(struct message_adopted){.epoch = edge->epoch});
    edge->is_answered = true;
    log_info("edge adopted", LOG_SPAN("edge", edge_id(edge)), LOG_UINT("epoch", edge->epoch),
             LOG_TEXT("address", edge->address));
}

void edge_live(struct edge *edge)
{
    edge_set_state(edge, EDGE_LIVE);
    orphans_forget(edge->router, edge_id(edge));
    answer_adopt(edge);
    projection_go_on(edge);
    LIST_FOR_EACH(&edge->connections, link)
        connection_go_on(LIST_ENTRY(link, struct connection, of_edge));
    if (edge->has_said_leaving)
        begin_to_leave(edge);
    else if (edge->snapshot.is_wanted)
        reconcile_start(edge);
}

/* What an edge heard but did not confirm is dropped some time after it has begun anew. */
void edge_tick(struct edge *edge)
{
    struct router *router = edge->router;
    int64_t age_ms = loop_now_ms(router->loop) - edge->adopted_ms;

    if (age_ms > 2 * router->config->peer_timeout_ms) {
        LIST_FOR_EACH(&edge->finished, place) {
            struct connection *connection = LIST_ENTRY(place, struct connection, of_edge);
            if (connection->ack_number == 0)
                connection_destroy(&connection);
        }
    }
    bool is_ours = edge->state == EDGE_LIVE || edge->state == EDGE_LEAVING;
    if (is_ours && (edge->epoch == 0 || edge->projection.is_stale) && !edge->unit &&
        store_is_ready(router))
        edge_adopt_again(edge);
    reconcile_go_on(edge);
}
