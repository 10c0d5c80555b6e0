#include "edge/connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/random.h"
#include "common/process/metrics.h"
#include "edge/batch.h"
#include "edge/edge.h"
#include "edge/keepalive.h"
#include "edge/opening.h"
#include "edge/polls.h"
#include "edge/traffic.h"

static void draw_id(struct connection *connection)
{
    memcpy(connection->id, connection->edge->id, EDGE_ID_LENGTH);
    random_text(connection->id + EDGE_ID_LENGTH, CONNECTION_ID_LENGTH - EDGE_ID_LENGTH);
    connection->id[CONNECTION_ID_LENGTH] = '\0';
}

struct connection *connection_new(struct edge *edge, struct loop_source *socket,
                                  struct opening **opening, struct span metadata)
{
    struct connection *connection = xcalloc(1, sizeof(*connection));
    connection->edge = edge;
    connection->fd = socket->fd;
    connection->source.on_event = traffic_on_event;
    loop_hand_over(edge->loop, socket, &connection->source);
    list_init(&connection->order_link);
    list_init(&connection->stalled_link);
    list_init(&connection->pump_link);
    list_init(&connection->dirty_link);
    list_init(&connection->pause_link);
    wheel_timer_init(&connection->timer, keepalive_on_due);
    draw_id(connection);
    connection->opening = *opening;
    *opening = NULL;
    connection_set_metadata(connection, metadata);
    table_insert(&edge->connections, &connection->link, connection_id(connection));
    list_append(&edge->in_order, &connection->order_link);
    connection->stage = STAGE_PENDING;
    edge->in_stage[STAGE_PENDING]++;
    connection->since_ms = edge_now_ms(edge);
    keepalive_arm(connection);
    return connection;
}

static void close_socket(struct connection *connection)
{
    if (connection->fd >= 0)
        close(traffic_detach(connection));
    outbox_fini(&connection->outbox);
}

void connection_forget(struct connection **connection_place)
{
    struct connection *connection = *connection_place;
    struct edge *edge = connection->edge;
    *connection_place = NULL;
    close_socket(connection);
    neighbours_leave(&edge->neighbours, &connection->neighbour);
    timer_wheel_stop(&edge->wheel, &connection->timer);
    edge->in_stage[connection->stage]--;
    edge->event_bytes -= connection->events.bytes;
    edge->event_count -= connection->events.count;
    list_remove(&connection->order_link);
    list_remove(&connection->pump_link);
    table_remove(&edge->connections, &connection->link);
    origin_table_keep(&edge->origins, connection_id(connection), &connection->origin,
                      edge_now_ms(edge));
    memberships_fini(&edge->channels, &connection->memberships, edge_now_ms(edge));
    frame_decoder_fini(&connection->decoder);
    inbox_fini(connection);
    if (connection->opening)
        polls_answer(&edge->controls, connection->opening, false);
    opening_destroy(&connection->opening);
    event_queue_fini(&connection->events);
    free(connection->close_event);
    free(connection->metadata);
    free(connection);
}

struct connection *connection_find(struct edge *edge, struct span id)
{
    struct table_link *link = table_find(&edge->connections, id);
    return link ? TABLE_ENTRY(link, struct connection, link) : NULL;
}

void connection_enter(struct connection *connection, enum connection_stage stage)
{
    static const unsigned int ways[STAGE_COUNT] = {
        [STAGE_PENDING] = 1u << STAGE_OPEN | 1u << STAGE_TOMBSTONE,
        [STAGE_OPEN] = 1u << STAGE_CLOSING | 1u << STAGE_CLOSED,
        [STAGE_CLOSING] = 1u << STAGE_CLOSED,
        [STAGE_CLOSED] = 0,
        [STAGE_TOMBSTONE] = 1u << STAGE_CLOSED,
    };
    struct edge *edge = connection->edge;
    ASSERT(ways[connection->stage] & 1u << stage);
    edge->in_stage[connection->stage]--;
    connection->stage = (uint8_t)stage;
    edge->in_stage[stage]++;
    connection->since_ms = edge_now_ms(edge);
    if (stage == STAGE_CLOSED)
        neighbours_leave(&edge->neighbours, &connection->neighbour);
    keepalive_arm(connection);
}

void connection_push_event(struct connection *connection, struct queued_event *event)
{
    struct edge *edge = connection->edge;
    size_t before = connection->events.bytes;
    metric_add_label(METRIC_EVENTS, event->kind, 1);
    event_queue_push(&connection->events, event);
    edge->event_bytes += connection->events.bytes - before;
    edge->event_count++;
    batch_pump(connection);
}

void connection_set_metadata(struct connection *connection, struct span metadata)
{
    free(connection->metadata);
    connection->metadata = xmemdup0(metadata.data, metadata.length);
    connection->metadata_length = (uint32_t)metadata.length;
}
