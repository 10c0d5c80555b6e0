#include "router/connection.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "router/router.h"

/* Of the CLOSE that is written for an edge that cannot write it any more (RFC 6455 §7.4.1). */
enum { CODE_GOING_AWAY = 1001, CODE_ABNORMAL_CLOSURE = 1006 };

static void on_retry(struct loop_timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, retry);

    dispatch_queue(connection, false);
}

struct connection *connection_find(const struct router *router, struct span id)
{
    struct table_link *link = table_find(&router->connections, id);

    return link ? TABLE_ENTRY(link, struct connection, by_id) : NULL;
}

struct connection *connection_new(struct edge *edge, struct span id, enum connection_state state)
{
    struct connection *connection = xcalloc(1, sizeof *connection + id.length);

    memcpy(connection->id, id.data, id.length);
    connection->id_length = id.length;
    connection->edge = edge;
    connection->state = state;
    connection->group_limit = edge->router->dispatch.group_limit;
    list_init(&connection->of_edge);
    list_init(&connection->place);
    list_init(&connection->batches);
    loop_timer_init(&connection->retry, on_retry);
    table_insert(&edge->router->connections, &connection->by_id, connection_id(connection));
    list_append(&edge->connections, &connection->of_edge);
    edge->connection_count++;
    return connection;
}

/* ---- phases ---- */

static void leave_phase(struct connection *connection)
{
    switch (connection->phase) {
    case CONNECTION_QUEUED:
        dispatch_unqueue(connection);
        break;
    case CONNECTION_IN_FLIGHT:
        dispatch_detach(connection);
        break;
    case CONNECTION_RETRYING:
        loop_timer_stop(connection->edge->router->loop, &connection->retry);
        connection->edge->router->dispatch.retrying--;
        break;
    case CONNECTION_BURYING:
        list_remove(&connection->place);
        if (connection->burial)
            database_forget(connection->burial);
        connection->burial = NULL;
        break;
    case CONNECTION_IDLE:
    case CONNECTION_FINISHED:
    case CONNECTION_PHASE_COUNT:
        break;
    }
}

void connection_set_phase(struct connection *connection, enum connection_phase phase)
{
#define TO(phase) (1u << CONNECTION_##phase)
    static const unsigned int ways[CONNECTION_PHASE_COUNT] = {
        [CONNECTION_IDLE] = TO(QUEUED) | TO(FINISHED),
        [CONNECTION_QUEUED] = TO(IN_FLIGHT) | TO(IDLE),
        [CONNECTION_IN_FLIGHT] = TO(IDLE) | TO(QUEUED) | TO(RETRYING) | TO(BURYING),
        [CONNECTION_RETRYING] = TO(QUEUED) | TO(IDLE),
        [CONNECTION_BURYING] = TO(IDLE),
    };
#undef TO
    ASSERT(ways[connection->phase] & 1u << phase);
    leave_phase(connection);
    connection->phase = phase;
    if (phase == CONNECTION_RETRYING)
        connection->edge->router->dispatch.retrying++;
}

/* ---- batches ---- */

struct batch *connection_batch(const struct connection *connection)
{
    return LIST_FIRST(&connection->batches, struct batch, link);
}

void connection_add_batch(struct connection *connection, struct batch **batch)
{
    struct router *router = connection->edge->router;

    list_append(&connection->batches, &(*batch)->link);
    connection->has_close |= (*batch)->is_close;
    router->held_batches++;
    router->held_bytes += (*batch)->bytes;
    *batch = NULL;
}

static void remove_batch(struct connection *connection, struct batch *batch)
{
    struct router *router = connection->edge->router;

    list_remove(&batch->link);
    router->held_batches--;
    router->held_bytes -= batch->bytes;
    batch_destroy(&batch);
    free(connection->last_error);
    connection->last_error = NULL;
    connection->last_status = 0;
}

void connection_go_on(struct connection *connection)
{
    if (connection->phase == CONNECTION_IDLE && !list_is_empty(&connection->batches) &&
        edge_is_decided(connection->edge))
        dispatch_queue(connection, false);
}

void connection_note_failure(struct connection *connection, uint64_t status, struct span error)
{
    free(connection->last_error);
    connection->last_error = span_dup(error);
    connection->last_status = status;
}

/* ---- metadata ---- */

static void set_metadata(struct connection *connection, struct span metadata)
{
    char *copy = metadata.length > 0 ? xmemdup0(metadata.data, metadata.length) : NULL;

    free(connection->metadata);
    connection->metadata = copy;
    connection->metadata_length = metadata.length;
}

void connection_told_metadata(struct connection *connection, struct span metadata)
{
    if (connection->phase == CONNECTION_IN_FLIGHT) {
        if (connection->fact_count < CONNECTION_FACTS)
            connection->facts[connection->fact_count] = table_hash(metadata);
        connection->fact_count++;
    }
    set_metadata(connection, metadata);
}

bool connection_answered_metadata(struct connection *connection, struct span metadata)
{
    uint64_t hash = table_hash(metadata);

    if (connection->fact_count > CONNECTION_FACTS)
        return false;
    for (unsigned int i = 0; i < connection->fact_count; i++) {
        if (connection->facts[i] == hash)
            return false;
    }
    set_metadata(connection, metadata);
    return true;
}

/* ---- the end of a batch, and of the connection ---- */

static void acknowledge(struct connection *connection, uint64_t last, enum ack_outcome outcome,
                        uint64_t status)
{
    struct link *link = connection->edge->link;

    connection->ack_number = 0;
    if (!link || last == BATCH_SEQUENCE_CLOSE)
        return;
    struct buffer *packet = link_packet(link);
    connection->ack_number = link_number(link);
    wire_put_ack(packet, &(struct message_ack){.connection = connection_id(connection),
                                               .last = last,
                                               .outcome = outcome,
                                               .status = status});
}

void connection_acknowledge_again(struct connection *connection, uint64_t last)
{
    bool is_open = last == 0;

    acknowledge(connection, last, is_open ? connection->open_outcome : ACK_DELIVERED,
                is_open ? connection->open_status : 0);
    if (connection->phase == CONNECTION_FINISHED) {
        list_remove(&connection->of_edge);
        list_append(&connection->edge->finished, &connection->of_edge);
    }
}

static void drop_batches(struct connection *connection)
{
    while (!list_is_empty(&connection->batches))
        remove_batch(connection, connection_batch(connection));
}

/* The edge may repeat what it has not heard the end of; until it has, the end is remembered. */
static void finish(struct connection *connection)
{
    struct edge *edge = connection->edge;

    connection_set_phase(connection, CONNECTION_FINISHED);
    drop_batches(connection);
    set_metadata(connection, (struct span){0});
    projection_deleted(connection);
    reconcile_note_finished(edge, connection_id(connection));
    edge->connection_count--;
    list_remove(&connection->of_edge);
    list_append(&edge->finished, &connection->of_edge);
    if (connection->ack_number == 0 || edge_is_gone(edge))
        connection_destroy(&connection);
    edge_check_gone_later(edge);
}

void connection_finish_batch(struct connection *connection, enum ack_outcome outcome,
                             uint64_t status)
{
    const struct batch *batch = connection_batch(connection);
    bool is_over = batch->is_close || (batch->is_open && outcome == ACK_REFUSED);

    connection_set_phase(connection, CONNECTION_IDLE);
    connection->done_before = batch->last + 1;
    connection->group_limit = connection->edge->router->dispatch.group_limit;
    if (batch->is_open) {
        connection->open_outcome = outcome;
        connection->open_status = status;
    }
    acknowledge(connection, batch->last, outcome, status);
    remove_batch(connection, connection_batch(connection));
    if (is_over) {
        finish(connection);
        return;
    }
    if (edge_is_gone(connection->edge) && !connection->has_close)
        connection_orphan(connection);
    else
        connection_go_on(connection);
}

/* Nobody has been told of the OPEN: nobody is to be told of an end. */
static bool is_unheard_of(const struct connection *connection)
{
    const struct batch *batch = connection_batch(connection);

    return batch && batch->is_open && !batch->was_sent &&
           (connection->phase == CONNECTION_QUEUED || connection->phase == CONNECTION_IDLE);
}

static struct batch *new_close(const struct edge *edge)
{
    return edge->state == EDGE_LEAVING
               ? batch_new_close(CODE_GOING_AWAY, span_text("edge left"))
               : batch_new_close(CODE_ABNORMAL_CLOSURE, span_text("edge lost"));
}

void connection_orphan(struct connection *connection)
{
    if (connection->phase == CONNECTION_FINISHED)
        return;
    if (is_unheard_of(connection)) {
        if (connection->phase == CONNECTION_QUEUED)
            connection_set_phase(connection, CONNECTION_IDLE);
        finish(connection);
        return;
    }
    const struct batch *batch = connection_batch(connection);
    bool is_open_undecided = batch && batch->is_open;

    if (connection->has_close || is_open_undecided)
        return; /* the end of the OPEN comes back here */
    struct batch *close = new_close(connection->edge);
    connection->state = CONNECTION_CLOSING;
    connection_add_batch(connection, &close);
    projection_connection(connection, false, NULL, 0);
    projection_unsubscribed_all(connection);
    connection_go_on(connection);
}

void connection_destroy(struct connection **connection)
{
    struct connection *ending = *connection;

    *connection = NULL;
    if (!ending)
        return;
    leave_phase(ending);
    if (ending->phase != CONNECTION_FINISHED)
        ending->edge->connection_count--;
    ending->phase = CONNECTION_IDLE;
    drop_batches(ending);
    table_remove(&ending->edge->router->connections, &ending->by_id);
    list_remove(&ending->of_edge);
    free(ending->metadata);
    free(ending->last_error);
    free(ending);
}
