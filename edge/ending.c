/* How a connection ends: connection.h says which way is for whom. */
#include <unistd.h>

#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/linger.h"
#include "edge/opening.h"
#include "edge/traffic.h"

_Static_assert((int)LABEL_COUNT_close == (int)CLOSE_REASON_COUNT,
               "the label of closes_total follows close_code.def");

/* What is told and sent: the row's, unless it leaves them to the case. */
struct ending {
    uint16_t code;
    struct span text;
};

static struct ending ending_of(enum close_reason reason, uint16_t code, struct span text)
{
    const struct close_row *row = close_row(reason);
    if (row->code != 0)
        return (struct ending){.code = row->code, .text = span_text(row->text)};
    return (struct ending){.code = code, .text = text};
}

static void count_end(enum close_reason reason)
{
    metric_add_label(METRIC_CLOSES, reason, 1);
    if (reason == CLOSE_TOO_BIG)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_MESSAGE, 1);
    else if (reason == CLOSE_SLOW_CONSUMER)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_SEND_QUEUE, 1);
    else if (reason == CLOSE_CROWDED_OUT)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EDGE_SEND, 1);
    else if (reason == CLOSE_UNFINISHED)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EDGE_UNFINISHED, 1);
    else if (reason == CLOSE_TOO_MANY_SUBSCRIPTIONS)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_SUBSCRIPTIONS, 1);
}

static void push_frame(struct connection *connection, uint16_t code, struct span text)
{
    struct shared_frame *frame = shared_frame_new_close(code, text);
    outbox_push(&connection->outbox, frame);
    shared_frame_unref(&frame);
    metric_add_label(METRIC_FRAMES_OUT, LABEL_FRAME_CLOSE, 1);
}

/* No message reaches it from now on. */
static void leave_channels(struct connection *connection)
{
    struct edge *edge = connection->edge;
    memberships_fini(&edge->channels, &connection->memberships, edge_now_ms(edge));
}

static void enter_closed(struct connection *connection, struct queued_event *event)
{
    ASSERT(connection->fd < 0);
    leave_channels(connection);
    frame_decoder_fini(&connection->decoder);
    inbox_fini(connection);
    opening_destroy(&connection->opening);
    outbox_fini(&connection->outbox);
    connection_enter(connection, STAGE_CLOSED);
    connection_push_event(connection, event);
}

void connection_close(struct connection *connection, enum close_reason reason, uint16_t code,
                      struct span text)
{
    ASSERT(connection->stage == STAGE_OPEN);
    struct ending ending = ending_of(reason, code, text);
    count_end(reason);
    leave_channels(connection);
    /* Nobody waits for what did not fit; the client is to see why it ends. */
    if (reason == CLOSE_SLOW_CONSUMER || reason == CLOSE_CROWDED_OUT)
        outbox_drop_unsent(&connection->outbox);
    push_frame(connection, ending.code, ending.text);
    connection->close_event = queued_event_new(EVENT_CLOSE, ending.text, ending.code);
    connection_enter(connection, STAGE_CLOSING);
    traffic_check_pause(connection);
    traffic_mark_dirty(connection);
}

void connection_fail(struct connection *connection, enum close_reason reason, uint16_t code,
                     struct span text)
{
    ASSERT(connection->stage == STAGE_OPEN);
    struct ending ending = ending_of(reason, code, text);
    struct queued_event *event = queued_event_new(EVENT_CLOSE, ending.text, ending.code);
    count_end(reason);
    /* The client's own words are not repeated to it. */
    if (reason == CLOSE_PEER_CLOSED)
        ending.text = (struct span){0};
    push_frame(connection, ending.code, ending.text);
    int fd = traffic_detach(connection);
    if (connection->is_deaf)
        close(fd);
    else
        linger_begin(connection->edge, fd, &connection->outbox);
    enter_closed(connection, event);
}

void connection_lose(struct connection *connection, enum close_reason reason)
{
    struct queued_event *event = connection->close_event;
    connection->close_event = NULL;
    if (!event) {
        struct ending ending = ending_of(reason, 1006, (struct span){0});
        event = queued_event_new(EVENT_CLOSE, ending.text, ending.code);
        count_end(reason);
    }
    close(traffic_detach(connection));
    enter_closed(connection, event);
}

void connection_finish_closing(struct connection *connection)
{
    ASSERT(connection->stage == STAGE_CLOSING);
    struct queued_event *event = connection->close_event;
    connection->close_event = NULL;
    linger_begin(connection->edge, traffic_detach(connection), &connection->outbox);
    enter_closed(connection, event);
}

void connection_close_tombstone(struct connection *connection)
{
    ASSERT(connection->stage == STAGE_TOMBSTONE);
    const struct close_row *row = close_row(CLOSE_PEER_GONE);
    enter_closed(connection, queued_event_new(EVENT_CLOSE, span_text(row->text), row->code));
}
