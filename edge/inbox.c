#include "edge/inbox.h"

#include <stdlib.h>

#include "edge/edge.h"

static struct inbox *need_inbox(struct connection *connection)
{
    if (!connection->inbox) {
        connection->inbox = xcalloc(1, sizeof(*connection->inbox));
        connection->inbox->connection = connection;
        list_init(&connection->inbox->link);
    }
    return connection->inbox;
}

static void keep(struct edge *edge, struct inbox *inbox, struct span left)
{
    ASSERT(inbox->rest.length == 0);
    buffer_append_span(&inbox->rest, left);
    edge->rest_bytes += inbox->rest.capacity;
}

static void note_unfinished(struct edge *edge, struct inbox *inbox, size_t bytes)
{
    edge->unfinished_bytes += bytes - inbox->unfinished_bytes;
    inbox->unfinished_bytes = bytes;
    if (bytes == 0)
        list_remove(&inbox->link);
    else if (!list_is_linked(&inbox->link))
        list_append(&edge->unfinished, &inbox->link);
}

void inbox_update(struct connection *connection, struct span left, bool has_finished)
{
    struct edge *edge = connection->edge;
    size_t unfinished = frame_decoder_held_bytes(&connection->decoder);
    if (left.length == 0 && unfinished == 0) {
        inbox_fini(connection);
        return;
    }
    struct inbox *inbox = need_inbox(connection);
    if (has_finished)
        list_remove(&inbox->link);
    keep(edge, inbox, left);
    note_unfinished(edge, inbox, unfinished);
}

bool inbox_has_rest(const struct connection *connection)
{
    return connection->inbox && connection->inbox->rest.length > 0;
}

struct buffer inbox_take_rest(struct connection *connection)
{
    struct inbox *inbox = connection->inbox;
    struct buffer rest = inbox->rest;
    connection->edge->rest_bytes -= rest.capacity;
    inbox->rest = (struct buffer){0};
    return rest;
}

void inbox_fini(struct connection *connection)
{
    struct inbox *inbox = connection->inbox;
    if (!inbox)
        return;
    struct buffer rest = inbox_take_rest(connection);
    buffer_fini(&rest);
    note_unfinished(connection->edge, inbox, 0);
    connection->inbox = NULL;
    free(inbox);
}

static void cut(struct connection *connection)
{
    if (connection->stage == STAGE_OPEN)
        connection_fail(connection, CLOSE_UNFINISHED, 0, (struct span){0});
    else
        connection_finish_closing(connection);
}

static bool has_several(const struct list *list)
{
    return list->next != list->previous;
}

void inbox_enforce_limit(struct edge *edge)
{
    while (edge->unfinished_bytes > edge->config->edge_unfinished_bytes &&
           has_several(&edge->unfinished))
        cut(LIST_ENTRY(edge->unfinished.next, struct inbox, link)->connection);
}
