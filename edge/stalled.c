#include "edge/stalled.h"

#include "edge/edge.h"
#include "edge/linger.h"

enum { CLOSED_AT_ONCE = 256 };

static bool is_too_much(const struct edge *edge)
{
    return shared_frames_bytes() + outbox_rings_bytes() > edge->config->edge_send_bytes;
}

static void make_room(struct edge *edge)
{
    struct list *in_order = &edge->stalled.in_order;
    linger_cut_unwritten(edge, is_too_much);
    for (int i = 0; i < CLOSED_AT_ONCE && !list_is_empty(in_order) && is_too_much(edge); i++) {
        struct connection *connection = LIST_FIRST(in_order, struct connection, stalled_link);
        if (connection->stage == STAGE_CLOSING) {
            connection_lose(connection, CLOSE_CROWDED_OUT);
            continue;
        }
        list_remove(&connection->stalled_link);
        list_append(in_order, &connection->stalled_link);
        connection_close(connection, CLOSE_CROWDED_OUT, 0, (struct span){0});
    }
    if (!list_is_empty(in_order))
        stalled_check(edge);
}

static void on_make_room(struct loop_deferred *deferred)
{
    make_room(CONTAINER_OF(deferred, struct edge, stalled.make_room));
}

void stalled_init(struct stalled *stalled)
{
    list_init(&stalled->in_order);
    loop_deferred_init(&stalled->make_room, on_make_room);
}

void stalled_fini(struct stalled *stalled)
{
    ASSERT(list_is_empty(&stalled->in_order));
    loop_undefer(&stalled->make_room);
}

/* Not at once: who sends walks through a channel's members, and they must not change meanwhile. */
void stalled_check(struct edge *edge)
{
    if (is_too_much(edge))
        loop_defer(edge->loop, &edge->stalled.make_room);
}

void stalled_note(struct connection *connection, size_t written)
{
    struct edge *edge = connection->edge;
    if (written > 0 || !connection->is_blocked) {
        list_remove(&connection->stalled_link);
        list_append(&edge->stalled.in_order, &connection->stalled_link);
    }
    connection->is_blocked = true;
    stalled_check(edge);
}

void stalled_end(struct connection *connection)
{
    connection->is_blocked = false;
    list_remove(&connection->stalled_link);
}
