#include "router/fact.h"

#include "common/base/clock.h"
#include "common/contract/event.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/origin.h"
#include "router/router.h"

/* The edge of the link, when it is at home here and may speak. */
static struct edge *edge_of(struct link *link)
{
    struct edge *edge = link_data(link);

    return edge && edge->state != EDGE_DEAD ? edge : NULL;
}

static struct connection *connection_of(const struct router *router, struct link *link,
                                        struct span id)
{
    const struct edge *edge = edge_of(link);
    struct connection *connection = edge ? connection_find(router, id) : NULL;

    return connection && connection->edge == edge && connection->phase != CONNECTION_FINISHED
               ? connection
               : NULL;
}

/* ---- batches ---- */

static void show_open(struct connection *connection, const struct batch *batch)
{
    struct buffer scratch = {0};
    struct projection_origin origin = {.created_ms = clock_realtime_ms()};

    origin_read(batch->events.items[0].data, &scratch, &origin.ip, &origin.path);
    projection_connection(connection, true, &origin, 0);
    buffer_fini(&scratch);
}

static void show_batch(struct connection *connection, const struct batch *batch, bool is_new,
                       bool has_metadata)
{
    if (batch->is_open) {
        show_open(connection, batch);
    } else if (batch->is_close) {
        connection->state = CONNECTION_CLOSING;
        projection_connection(connection, has_metadata, NULL, 0);
        projection_unsubscribed_all(connection);
    } else if (is_new || has_metadata) {
        projection_connection(connection, has_metadata, NULL, 0);
    }
}

static bool is_under_way(const struct connection *connection, uint64_t first)
{
    LIST_FOR_EACH(&connection->batches, link) {
        if (LIST_ENTRY(link, struct batch, link)->first == first)
            return true;
    }
    return false;
}

static enum connection_state state_by(const struct message_batch *message)
{
    return message->first == 0 ? CONNECTION_OPENING : CONNECTION_OPEN;
}

static void malformed(struct link *link, struct span connection, const char *why)
{
    static struct log_limit limit;

    log_limited(&limit, LOG_LEVEL_INFO, "batch ignored", LOG_TEXT("why", why),
                LOG_SPAN("edge", link_peer_name(link)), LOG_SPAN("conn", connection));
}

static void add_batch(struct edge *edge, struct connection *connection, struct batch **batch,
                      const struct message_batch *message)
{
    bool is_new = !connection;
    const struct batch *added = *batch;

    if (is_new)
        connection = connection_new(edge, message->connection, state_by(message));
    if (message->metadata_known)
        connection_told_metadata(connection, message->metadata);
    if (added->is_open && edge->is_repeating)
        batch_is_repeated(*batch);
    connection_add_batch(connection, batch);
    show_batch(connection, added, is_new, message->metadata_known);
    if (edge->state == EDGE_LEAVING && !connection->has_close)
        connection_orphan(connection);
    else
        connection_go_on(connection);
}

/* True when the batch is known, and what is to be said of it has been said. */
static bool is_repeated(struct connection *connection, const struct message_batch *message)
{
    if (connection->phase == CONNECTION_FINISHED || message->first < connection->done_before) {
        connection_acknowledge_again(connection, message->last);
        return true;
    }
    if (!is_under_way(connection, message->first))
        return connection->has_close; /* after CLOSE comes nothing */
    if (message->metadata_known)
        connection_told_metadata(connection, message->metadata);
    return true;
}

void fact_on_batch(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_batch *sent = &message->as.batch;
    struct edge *edge = edge_of(link);
    struct connection *connection = connection_find(router, sent->connection);
    struct batch *batch = NULL;

    metric_add(METRIC_BATCHES_RECEIVED, 1);
    if (!edge)
        return;
    if (!span_starts_with(sent->connection, edge_id(edge)) ||
        (connection && connection->edge != edge)) {
        malformed(link, sent->connection, "it is not this edge's");
        return;
    }
    if (connection && is_repeated(connection, sent))
        return;
    if (batch_copy(sent, loop_now_ms(router->loop), &batch) < 0) {
        malformed(link, sent->connection, "its events do not fit its numbers");
        return;
    }
    add_batch(edge, connection, &batch, sent);
}

/* ---- the others ---- */

void fact_on_opened(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_opened *opened = &message->as.opened;
    struct connection *connection = connection_of(router, link, opened->connection);

    if (!connection)
        return;
    if (connection->state == CONNECTION_OPENING)
        connection->state = CONNECTION_OPEN;
    struct batch *batch = connection_batch(connection);
    if (batch && batch->is_open)
        batch_stop_waiting(batch);
    projection_connection(connection, false, NULL,
                          opened->opened_at_ms <= INT64_MAX ? (int64_t)opened->opened_at_ms : 0);
}

void fact_on_subscribed(struct router *router, struct link *link,
                        const struct wire_message *message)
{
    const struct message_subscribed *fact = &message->as.subscribed;
    struct connection *connection = connection_of(router, link, fact->connection);

    if (connection && connection->state != CONNECTION_CLOSING)
        projection_subscribed(connection, fact->channel);
}

void fact_on_unsubscribed(struct router *router, struct link *link,
                          const struct wire_message *message)
{
    const struct message_unsubscribed *fact = &message->as.unsubscribed;
    struct connection *connection = connection_of(router, link, fact->connection);

    if (connection && connection->state != CONNECTION_CLOSING)
        projection_unsubscribed(connection, fact->channel);
}

void fact_on_metadata(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_metadata *fact = &message->as.metadata;
    struct connection *connection = connection_of(router, link, fact->connection);

    if (!connection)
        return;
    connection_told_metadata(connection, fact->metadata);
    projection_connection(connection, true, NULL, 0);
}
