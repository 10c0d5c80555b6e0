#include "edge/traffic.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/keepalive.h"
#include "edge/opening.h"
#include "edge/stalled.h"

enum {
    FLUSHED_AT_ONCE = 256, /* sockets written before the loop may look around */
    RESUMED_AT_ONCE = 16,  /* rests decoded before it may */
};

static struct connection *of_source(struct loop_source *source)
{
    return CONTAINER_OF(source, struct connection, source);
}

static bool has_traffic(const struct connection *connection)
{
    return connection->stage == STAGE_OPEN || connection->stage == STAGE_CLOSING;
}

/* ---- what epoll is asked for ---- */

static uint32_t wanted_events(const struct connection *connection)
{
    bool reads = has_traffic(connection) && !traffic_is_paused(connection);
    uint32_t events = connection->is_blocked ? EPOLLOUT : 0;
    if (reads)
        return events | EPOLLIN;
    return connection->is_hung_up ? events : events | EPOLLRDHUP;
}

void traffic_watch(struct connection *connection)
{
    struct loop *loop = connection->edge->loop;
    uint32_t events = wanted_events(connection);
    if (connection->fd < 0)
        return;
    if (connection->source.fd >= 0) {
        loop_modify(loop, &connection->source, events);
        return;
    }
    if (!(events & EPOLLIN))
        return;
    connection->source.fd = connection->fd;
    connection->source.events = events;
    if (loop_add(loop, &connection->source) < 0) {
        connection->source.fd = -1;
        connection_lose(connection, CLOSE_INTERNAL);
    }
}

int traffic_detach(struct connection *connection)
{
    struct edge *edge = connection->edge;
    int fd = connection->fd;
    ASSERT(fd >= 0);
    loop_remove(edge->loop, &connection->source);
    connection->fd = -1;
    stalled_end(connection);
    list_remove(&connection->dirty_link);
    if (traffic_is_paused(connection)) {
        list_remove(&connection->pause_link);
        edge->paused_count--;
    }
    return fd;
}

/* ---- not reading ---- */

/* Half of the limit must be free again before it is read on, so that it does not flap. */
static bool must_pause(const struct connection *connection)
{
    const struct edge *edge = connection->edge;
    size_t limit = edge->config->event_queue_bytes;
    if (!has_traffic(connection))
        return false;
    return edge->is_pressed ||
           connection->events.bytes > (traffic_is_paused(connection) ? limit / 2 : limit);
}

static void end_pause(struct connection *connection)
{
    list_remove(&connection->pause_link);
    connection->edge->paused_count--;
    keepalive_resume(connection);
}

/* A rest is decoded at the end of the turn: whoever lets a connection be read again, in the midst
 * of a publish for instance, need not expect that connections end under its hands. */
static void resume(struct connection *connection)
{
    struct edge *edge = connection->edge;
    if (!inbox_has_rest(connection)) {
        end_pause(connection);
        traffic_watch(connection);
        return;
    }
    list_remove(&connection->pause_link);
    list_append(&edge->resuming, &connection->pause_link);
    loop_defer(edge->loop, &edge->read_on);
}

void traffic_check_pause(struct connection *connection)
{
    struct edge *edge = connection->edge;
    bool is_paused = traffic_is_paused(connection);
    bool pauses = must_pause(connection);
    if (connection->fd < 0 || pauses == is_paused)
        return;
    if (!pauses) {
        resume(connection);
        return;
    }
    if (!edge->is_pressed)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EVENT_QUEUE, 1);
    list_append(&edge->paused, &connection->pause_link);
    edge->paused_count++;
    traffic_watch(connection);
}

void traffic_resume_paused(struct edge *edge)
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &edge->paused);
    while (!list_is_empty(&waiting)) {
        struct connection *connection = LIST_FIRST(&waiting, struct connection, pause_link);
        list_remove(&connection->pause_link);
        list_append(&edge->paused, &connection->pause_link);
        traffic_check_pause(connection);
    }
}

static void read_on(struct connection *connection)
{
    struct buffer rest = inbox_take_rest(connection);
    end_pause(connection);
    traffic_take(connection, rest.data, rest.length);
    traffic_watch(connection);
    buffer_fini(&rest);
}

void traffic_read_on(struct edge *edge)
{
    for (int i = 0; i < RESUMED_AT_ONCE && !list_is_empty(&edge->resuming); i++) {
        struct connection *connection = LIST_FIRST(&edge->resuming, struct connection, pause_link);
        list_remove(&connection->pause_link);
        list_append(&edge->paused, &connection->pause_link);
        if (!must_pause(connection))
            read_on(connection);
    }
    if (!list_is_empty(&edge->resuming))
        loop_defer(edge->loop, &edge->read_on);
}

/* A broken socket is not the end yet: what the client sent before it broke is still to be read,
 * and its end comes behind that. */
static void go_deaf(struct connection *connection)
{
    connection->is_deaf = true;
    outbox_fini(&connection->outbox);
}

/* A hang-up does not end a connection whose last frames wait in the kernel until they may be read;
 * epoll is only kept from reporting it again and again. */
static void on_event_while_paused(struct connection *connection, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        loop_remove(connection->edge->loop, &connection->source);
        go_deaf(connection);
        stalled_end(connection);
    } else if (events & EPOLLRDHUP) {
        connection->is_hung_up = true;
        traffic_watch(connection);
    }
}

/* ---- reading ---- */

static void push_message(struct connection *connection, enum event_kind kind, struct span data)
{
    connection->message_ms = edge_now_ms(connection->edge);
    connection_push_event(connection, queued_event_new(kind, data, 0));
}

static void answer_ping(struct connection *connection, struct span payload)
{
    if (connection->is_deaf)
        return;
    struct shared_frame *pong = shared_frame_new(FRAME_OPCODE_PONG, false, payload);
    if (outbox_push_pong(&connection->outbox, pong))
        metric_add_label(METRIC_FRAMES_OUT, LABEL_FRAME_PONG, 1);
    shared_frame_unref(&pong);
    traffic_mark_dirty(connection);
}

static void take_message(struct connection *connection, const struct frame_event *event)
{
    bool is_text = event->type == FRAME_TEXT;
    metric_add_label(METRIC_FRAMES_IN, is_text ? LABEL_FRAME_TEXT : LABEL_FRAME_BINARY, 1);
    push_message(connection, is_text ? EVENT_TEXT : EVENT_BINARY, event->data);
}

static void on_open_frame(struct connection *connection, const struct frame_event *event)
{
    switch (event->type) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        take_message(connection, event);
        break;
    case FRAME_PING:
        metric_add_label(METRIC_FRAMES_IN, LABEL_FRAME_PING, 1);
        answer_ping(connection, event->data);
        break;
    case FRAME_PONG:
        metric_add_label(METRIC_FRAMES_IN, LABEL_FRAME_PONG, 1);
        break;
    case FRAME_CLOSE:
        metric_add_label(METRIC_FRAMES_IN, LABEL_FRAME_CLOSE, 1);
        connection_fail(connection, CLOSE_PEER_CLOSED, event->code, event->data);
        break;
    case FRAME_ERROR:
        connection_fail(connection, close_reason_of_frame_error(event->code), 0, (struct span){0});
        break;
    }
}

/* We have sent our close frame, and nothing more is answered (RFC 6455 §5.5.1). But what the client
 * wrote before it saw that frame was sent in good faith. */
static void on_closing_frame(struct connection *connection, const struct frame_event *event)
{
    if (event->type == FRAME_TEXT || event->type == FRAME_BINARY)
        take_message(connection, event);
    if (event->type == FRAME_CLOSE)
        metric_add_label(METRIC_FRAMES_IN, LABEL_FRAME_CLOSE, 1);
    if (event->type == FRAME_CLOSE || event->type == FRAME_ERROR)
        connection_finish_closing(connection);
}

void traffic_take(struct connection *connection, char *data, size_t length)
{
    struct edge *edge = connection->edge;
    struct frame_input input = {.data = data, .length = length};
    struct frame_event event;
    uint64_t first = connection->events.next_sequence;
    ASSERT(!inbox_has_rest(connection));
    while (has_traffic(connection) && !must_pause(connection) &&
           frame_decode(&connection->decoder, &input, &event) == 0) {
        if (connection->stage == STAGE_OPEN)
            on_open_frame(connection, &event);
        else
            on_closing_frame(connection, &event);
    }
    if (has_traffic(connection)) {
        frame_decoder_release(&connection->decoder);
        inbox_update(connection, span_of(input.data, input.length),
                     connection->events.next_sequence != first);
        inbox_enforce_limit(edge);
    }
    traffic_check_pause(connection); /* before that may change with the edge's pressure */
    edge_check_pressure(edge);
}

static void read_some(struct connection *connection)
{
    struct edge *edge = connection->edge;
    traffic_check_pause(connection);
    if (traffic_is_paused(connection))
        return;
    ssize_t length = recv(connection->fd, edge->read_buffer, TRAFFIC_READ_BYTES, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        connection_lose(connection, CLOSE_PEER_GONE);
        return;
    }
    metric_add(METRIC_BYTES_IN, length);
    connection->heard_ms = edge_now_ms(edge);
    connection->pinged_ms = 0;
    traffic_take(connection, edge->read_buffer, (size_t)length);
}

/* Whoever waits for an answer has nothing to say, as a rule, so epoll goes on watching for it, and
 * is told otherwise only when something comes: it would be two system calls for every connection.
 * What comes stays in the kernel, or is the client's end, which then is reported as one. */
static void on_event_while_pending(struct connection *connection, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        opening_abandon(connection);
    else
        traffic_watch(connection);
}

void traffic_on_event(struct loop_source *source, uint32_t events)
{
    struct connection *connection = of_source(source);
    if (connection->stage == STAGE_PENDING) {
        on_event_while_pending(connection, events);
        return;
    }
    if (events & EPOLLOUT)
        traffic_flush(connection);
    if (connection->fd < 0)
        return;
    if (connection->opening)
        opening_read_early(connection);
    if (connection->fd < 0)
        return;
    if (traffic_is_paused(connection))
        on_event_while_paused(connection, events);
    else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        read_some(connection);
}

/* ---- writing ---- */

void traffic_mark_dirty(struct connection *connection)
{
    struct edge *edge = connection->edge;
    if (connection->fd < 0 || connection->is_blocked || list_is_linked(&connection->dirty_link))
        return;
    list_append(&edge->dirty, &connection->dirty_link);
    loop_defer(edge->loop, &edge->flush);
}

void traffic_flush(struct connection *connection)
{
    ASSERT(connection->fd >= 0);
    if (connection->is_deaf)
        outbox_fini(&connection->outbox);
    size_t written;
    int rc = outbox_write(&connection->outbox, connection->fd, &written);
    metric_add(METRIC_BYTES_OUT, (int64_t)written);
    if (rc == -EAGAIN)
        stalled_note(connection, written);
    else if (connection->is_blocked)
        stalled_end(connection);
    if (rc < 0 && rc != -EAGAIN)
        go_deaf(connection);
    traffic_watch(connection);
}

void traffic_flush_dirty(struct edge *edge)
{
    for (int i = 0; i < FLUSHED_AT_ONCE && !list_is_empty(&edge->dirty); i++) {
        struct connection *connection = LIST_FIRST(&edge->dirty, struct connection, dirty_link);
        list_remove(&connection->dirty_link);
        struct connection *next = LIST_FIRST(&edge->dirty, struct connection, dirty_link);
        if (next)
            connection_prefetch(next);
        traffic_flush(connection);
        if (connection->opening && connection->stage != STAGE_PENDING)
            opening_read_early(connection);
    }
    if (!list_is_empty(&edge->dirty))
        loop_defer(edge->loop, &edge->flush);
}

static bool is_too_long(const struct connection *connection, const struct shared_frame *frame)
{
    return outbox_weight(&connection->outbox) + frame->length >
           connection->edge->config->send_queue_bytes;
}

/* The rare case: its queue is long. False: it is closed. */
static bool may_queue(struct connection *connection, const struct shared_frame *frame)
{
    /* Much may have been queued in one turn: only what the socket does not take counts. */
    if (!connection->is_blocked)
        traffic_flush(connection);
    if (connection->stage != STAGE_OPEN || connection->is_deaf)
        return false;
    /* One frame longer than the limit is no sign of slowness. */
    if (!is_too_long(connection, frame) || connection->outbox.bytes == 0)
        return true;
    connection_close(connection, CLOSE_SLOW_CONSUMER, 0, (struct span){0});
    return false;
}

bool traffic_send(struct connection *connection, struct shared_frame *frame)
{
    if (connection->stage != STAGE_OPEN || connection->is_deaf)
        return false;
    if (is_too_long(connection, frame) && !may_queue(connection, frame))
        return false;
    outbox_push(&connection->outbox, frame);
    connection->message_ms = edge_now_ms(connection->edge);
    if (connection->is_blocked)
        stalled_check(connection->edge);
    else
        traffic_mark_dirty(connection);
    return true;
}

void traffic_ping(struct connection *connection)
{
    connection->pinged_ms = edge_now_ms(connection->edge);
    if (connection->is_deaf)
        return;
    outbox_push(&connection->outbox, connection->edge->ping_frame);
    metric_add_label(METRIC_FRAMES_OUT, LABEL_FRAME_PING, 1);
    traffic_mark_dirty(connection);
}
