#include "edge/batch.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/opening.h"
#include "edge/traffic.h"

enum { PUMPED_AT_ONCE = 512 };

void batch_pump(struct connection *connection)
{
    struct home *home = &connection->edge->home;
    if (list_is_linked(&connection->pump_link))
        return;
    list_append(&home->pumping, &connection->pump_link);
    loop_defer(home->edge->loop, &home->pump);
}

static struct batch_limits limits_of(const struct edge *edge)
{
    return (struct batch_limits){.events = edge->config->batch_events,
                                 .bytes = edge->config->batch_bytes};
}

static void seal(struct connection *connection)
{
    struct batch_limits limits = limits_of(connection->edge);
    struct event_queue *queue = &connection->events;
    while (event_queue_seal(queue, &limits)) {
        metric_add(METRIC_BATCHES_SEALED, 1);
        metric_observe(METRIC_BATCH_EVENTS, queue->sealed[queue->sealed_count - 1].count);
    }
}

/* How long the client of an OPEN goes on waiting. */
static uint64_t remaining_ms(const struct connection *connection)
{
    const struct edge *edge = connection->edge;
    if (connection->stage != STAGE_PENDING)
        return 0;
    int64_t left_ms = connection->since_ms + edge->config->accept_timeout_ms - edge_now_ms(edge);
    return left_ms > 0 ? (uint64_t)left_ms : 0;
}

static const struct record_event *collect(struct home *home, const struct queued_event *event,
                                          size_t count)
{
    buffer_clear(&home->scratch);
    struct record_event *records =
        (struct record_event *)(void *)buffer_reserve(&home->scratch, count * sizeof(*records));
    for (size_t i = 0; i < count; i++, event = event->next)
        records[i] = (struct record_event){
            .kind = event->kind,
            .data = span_of(event->data, event->length),
            .code = event->code,
        };
    return records;
}

static void put(struct home *home, struct connection *connection, uint64_t first,
                const struct queued_event *events, size_t count)
{
    bool is_open = events->kind == EVENT_OPEN;
    bool tells_metadata = is_open || connection->metadata_session != home->session;
    const struct message_batch message = {
        .connection = connection_id(connection),
        .first = first,
        .last = first + count - 1,
        .remaining_ms = is_open ? remaining_ms(connection) : 0,
        .metadata_known = tells_metadata,
        .metadata = tells_metadata ? connection_metadata(connection) : (struct span){0},
        .events = {.items = collect(home, events, count), .count = count},
    };
    connection->metadata_session = home->session;
    wire_put_batch(link_packet(home->link), &message);
}

/* False: the link takes no more for now. */
static bool send_sealed(struct home *home, struct connection *connection)
{
    struct event_queue *queue = &connection->events;
    for (size_t i = 0; i < queue->sealed_count; i++) {
        struct sealed_batch *batch = &queue->sealed[i];
        if (batch->session == home->session)
            continue;
        if (!home->link || link_is_full(home->link))
            return false;
        put(home, connection, event_queue_batch_first(queue, i), event_queue_batch_events(queue, i),
            batch->count);
        batch->session = home->session;
    }
    return true;
}

void batch_pump_all(struct home *home)
{
    for (int i = 0; i < PUMPED_AT_ONCE; i++) {
        struct connection *connection = LIST_FIRST(&home->pumping, struct connection, pump_link);
        if (!connection || !home->link)
            return;
        seal(connection);
        if (!send_sealed(home, connection))
            return; /* on_received goes on */
        list_remove(&connection->pump_link);
    }
    loop_defer(home->edge->loop, &home->pump);
}

void batch_begin_session(struct home *home)
{
    TABLE_FOR_EACH(&home->edge->connections, link) {
        struct connection *connection = TABLE_ENTRY(link, struct connection, link);
        if (connection->events.count > 0)
            batch_pump(connection);
    }
    if (!list_is_empty(&home->pumping))
        loop_defer(home->edge->loop, &home->pump);
}

/* What the acknowledgement means beyond room in the queue. May forget the connection. */
static void settle(struct connection *connection, const struct message_ack *ack)
{
    struct edge *edge = connection->edge;
    if (ack->last == 0)
        opening_acknowledged(&connection, (enum ack_outcome)ack->outcome, (int)ack->status);
    if (!connection)
        return;
    if (connection->stage == STAGE_CLOSED && connection->events.count == 0) {
        connection_forget(&connection);
        return;
    }
    if (connection->events.unsealed)
        batch_pump(connection);
    if (traffic_is_paused(connection))
        traffic_check_pause(connection);
    edge_check_pressure(edge);
}

void batch_on_ack(struct home *home, const struct message_ack *ack)
{
    struct edge *edge = home->edge;
    struct connection *connection = connection_find(edge, ack->connection);
    if (!connection)
        return;
    size_t count = connection->events.count;
    size_t bytes = event_queue_acknowledge(&connection->events, ack->last);
    if (bytes == 0)
        return; /* a batch that was acknowledged before */
    edge->event_bytes -= bytes;
    edge->event_count -= count - connection->events.count;
    settle(connection, ack);
}

static void hand_over_one(struct home *home, struct connection *connection)
{
    struct batch_limits limits = limits_of(home->edge);
    struct event_queue rest = connection->events;
    uint64_t sealed_last = 0;
    /* Beyond the two sealed batches the rest is cut as it would have been cut, batch by batch, on a
     * copy of the queue's marks: nothing is dropped, for a new session starts from the beginning.
     */
    if (rest.sealed_count > 0)
        sealed_last = rest.sealed[rest.sealed_count - 1].last;
    uint64_t next = rest.sealed_count > 0 ? sealed_last + 1 : rest.next_sequence - rest.count;
    while (rest.unsealed) {
        const struct queued_event *events = rest.unsealed;
        struct queued_event *first = rest.unsealed;
        rest.sealed_count = 0;
        rest.first = first;
        rest.count = (uint32_t)(rest.next_sequence - next);
        bool sealed = event_queue_seal(&rest, &limits);
        ASSERT(sealed);
        put(home, connection, next, events, rest.sealed[0].count);
        next = rest.sealed[0].last + 1;
    }
}

bool batch_hand_over(struct home *home)
{
    if (!home->link)
        return false;
    batch_pump_all(home);
    if (!list_is_empty(&home->pumping))
        return false;
    TABLE_FOR_EACH(&home->edge->connections, link) {
        struct connection *connection = TABLE_ENTRY(link, struct connection, link);
        if (connection->handed_over_session == home->session || !connection->events.unsealed)
            continue;
        if (link_is_full(home->link))
            return false;
        hand_over_one(home, connection);
        connection->handed_over_session = home->session;
    }
    return true;
}
