#include "edge/opening.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/facts.h"
#include "edge/linger.h"
#include "edge/polls.h"
#include "edge/protocol/refusal.h"
#include "edge/traffic.h"

enum { HEADERS_MAX = 128, STATUS_REFUSED = 403, STATUS_FAILED = 502, STATUS_TIMED_OUT = 504 };

struct opening *opening_new(struct handshake *handshake, struct span early)
{
    struct opening *opening = xcalloc(1, sizeof(*opening));
    opening->handshake = *handshake;
    *handshake = (struct handshake){0};
    buffer_append_span(&opening->early, early);
    list_init(&opening->watchers);
    opening->began_us = clock_monotonic_us();
    return opening;
}

void opening_destroy(struct opening **opening_place)
{
    struct opening *opening = *opening_place;
    *opening_place = NULL;
    if (!opening)
        return;
    handshake_fini(&opening->handshake);
    buffer_fini(&opening->early);
    ASSERT(list_is_empty(&opening->watchers));
    free(opening);
}

static size_t collect_headers(const struct record_command_body *body,
                              struct response_header headers[HEADERS_MAX])
{
    size_t count = min_size(body->headers.count, HEADERS_MAX);
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct response_header){.name = body->headers.items[i].name,
                                              .value = body->headers.items[i].value};
    return count;
}

/* The client's wait is over, however it ended. */
static void end_wait(struct connection *connection, enum metric_label_handshake outcome)
{
    struct opening *opening = connection->opening;
    metric_add_label(METRIC_HANDSHAKES, outcome, 1);
    metric_observe(METRIC_HANDSHAKE_DURATION, clock_monotonic_us() - opening->began_us);
    polls_answer(&connection->edge->controls, opening, outcome == LABEL_HANDSHAKE_ACCEPTED);
}

static void push_bytes(struct connection *connection, struct buffer *bytes)
{
    struct shared_frame *frame = shared_frame_new_raw(buffer_span(bytes));
    outbox_push(&connection->outbox, frame);
    shared_frame_unref(&frame);
    buffer_fini(bytes);
}

static void accept_pending(struct connection *connection, const struct record_command_body *body)
{
    struct edge *edge = connection->edge;
    struct opening *opening = connection->opening;
    struct response_header headers[HEADERS_MAX];
    size_t header_count = collect_headers(body, headers);
    struct buffer answer = {0};
    handshake_append_accepted(&answer, &opening->handshake, body->subprotocol, headers,
                              header_count);
    push_bytes(connection, &answer);
    connection->window_bits = opening->handshake.deflate.window_bits;
    frame_decoder_init(&connection->decoder, &edge->rules, connection->window_bits > 0);
    connection->opened_at_ms = clock_realtime_ms();
    connection->heard_ms = connection->message_ms = edge_now_ms(edge);
    end_wait(connection, LABEL_HANDSHAKE_ACCEPTED);
    connection_enter(connection, STAGE_OPEN);
    facts_tell_opened(connection);
    traffic_mark_dirty(connection);
}

void opening_accept(struct connection *connection, const struct record_command_body *body)
{
    if (connection->stage == STAGE_PENDING)
        accept_pending(connection, body);
    else if (connection->stage == STAGE_TOMBSTONE)
        connection->owes_close = true;
}

/* From PENDING to TOMBSTONE; the socket leaves with the answer. */
static void answer(struct connection *connection, int status, struct span text,
                   const struct response_header *headers, size_t header_count,
                   enum metric_label_handshake outcome)
{
    struct buffer bytes = {0};
    refusal_append(&bytes, status, text, headers, header_count, false);
    push_bytes(connection, &bytes);
    end_wait(connection, outcome);
    linger_begin(connection->edge, traffic_detach(connection), &connection->outbox);
    opening_destroy(&connection->opening);
    connection_enter(connection, STAGE_TOMBSTONE);
}

void opening_refuse(struct connection *connection, const struct record_command_body *body)
{
    if (connection->stage != STAGE_PENDING)
        return;
    struct response_header headers[HEADERS_MAX];
    size_t header_count = collect_headers(body, headers);
    answer(connection, body->status ? (int)body->status : STATUS_REFUSED, body->body, headers,
           header_count, LABEL_HANDSHAKE_REFUSED);
    /* It has its answer: who comes again at once need not wait for the ACK. */
    neighbours_leave(&connection->edge->neighbours, &connection->neighbour);
}

void opening_answer(struct connection *connection, int status)
{
    ASSERT(connection->stage == STAGE_PENDING);
    static const struct response_header retry = {.name = {"Retry-After", 11}, .value = {"1", 1}};
    enum metric_label_handshake outcome = status == 502   ? LABEL_HANDSHAKE_FAILED
                                          : status == 503 ? LABEL_HANDSHAKE_OVERLOADED
                                          : status == 504 ? LABEL_HANDSHAKE_TIMED_OUT
                                                          : LABEL_HANDSHAKE_REFUSED;
    answer(connection, status, (struct span){0}, &retry, status == 503 ? 1 : 0, outcome);
}

void opening_abandon(struct connection *connection)
{
    ASSERT(connection->stage == STAGE_PENDING);
    end_wait(connection, LABEL_HANDSHAKE_ABANDONED);
    close(traffic_detach(connection));
    opening_destroy(&connection->opening);
    connection_enter(connection, STAGE_TOMBSTONE);
}

/* DELIVERED without an ACCEPT that reached us is a broken promise of the ring, not the backend's
 * refusal: the client is told that, and the backend that the connection is closed. */
static int status_of(enum ack_outcome outcome, int status)
{
    switch (outcome) {
    case ACK_REFUSED:
        return status ? status : STATUS_REFUSED;
    case ACK_UNKNOWN:
        return status ? status : STATUS_TIMED_OUT;
    case ACK_DELIVERED:
    case ACK_DEAD_LETTER:
        break;
    }
    return STATUS_FAILED;
}

void opening_acknowledged(struct connection **connection_place, enum ack_outcome outcome,
                          int status)
{
    struct connection *connection = *connection_place;
    if (connection->stage == STAGE_PENDING)
        opening_answer(connection, status_of(outcome, status));
    if (connection->stage != STAGE_TOMBSTONE)
        return;
    if (connection->owes_close || outcome != ACK_REFUSED)
        connection_close_tombstone(connection);
    else
        connection_forget(connection_place);
}

void opening_read_early(struct connection *connection)
{
    struct buffer early = connection->opening->early;
    connection->opening->early = (struct buffer){0};
    opening_destroy(&connection->opening);
    if (early.length > 0)
        traffic_take(connection, early.data, early.length);
    traffic_watch(connection);
    buffer_fini(&early);
}
