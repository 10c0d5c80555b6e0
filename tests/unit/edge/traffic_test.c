/* Open connections: messages both ways, and every way they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/contract/command.h"
#include "common/process/metrics.h"
#include "edge/traffic.h"
#include "tests/unit/edge/ring_fixture.h"

static void command(enum command_type type, struct span target, struct span data)
{
    const struct record_command_body body = {.type = type, .target = target, .data = data};
    ring_command(&ring, &body);
}

static void subscribe(size_t number, const char *channel)
{
    const struct record_command_body body = {
        .type = COMMAND_SUBSCRIBE, .target = ring_id(&ring, number), .channel = span_text(channel)};
    ring_command(&ring, &body);
}

static struct connection *connection(size_t number)
{
    return connection_find(ring.edge, ring_id(&ring, number));
}

static void wait_until_gone(void)
{
    while (ring.edge->connections.count > 0)
        ring_turn(&ring);
}

static void test_messages_gather_while_two_batches_are_out(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    client_text(fd, "1");
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:1");
    client_text(fd, "2");
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 TEXT:2");
    client_text(fd, "3");
    client_frame(fd, 0x82, span_text("four"));
    client_text(fd, "5");
    ring_expect_none(&ring, &ring.router, "BATCH");
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 3-5 TEXT:3 BINARY:four TEXT:5");
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0); /* repeated */
    ring_ack(&ring, 0, 2, ACK_DELIVERED, 0);
    ring_ack(&ring, 0, 5, ACK_DEAD_LETTER, 0);
    while (ring.edge->event_count > 0)
        ring_turn(&ring);
    assert_int_equal(ring.edge->event_bytes, 0);
    close(fd);
}

static void test_messages_to_clients(void **state)
{
    (void)state;
    int one = client_open(&ring, 0), two = client_open(&ring, 1);
    command(COMMAND_TEXT, ring_id(&ring, 0), span_text("for one"));
    command(COMMAND_BINARY, ring_id(&ring, 1), span_text("for two"));
    client_expect(&ring, one,
                  "\x81\x07"
                  "for one",
                  9);
    client_expect(&ring, two,
                  "\x82\x07"
                  "for two",
                  9);
    subscribe(0, "room");
    subscribe(1, "room");
    subscribe(1, "room");
    command(COMMAND_PUBLISH_TEXT, span_text("room"), span_text("a"));
    command(COMMAND_PUBLISH_BINARY, span_text("room"), span_text("b"));
    client_expect(&ring, one,
                  "\x81\x01"
                  "a\x82\x01"
                  "b",
                  6);
    client_expect(&ring, two,
                  "\x81\x01"
                  "a\x82\x01"
                  "b",
                  6);
    const struct record_command_body leave = {
        .type = COMMAND_UNSUBSCRIBE, .target = ring_id(&ring, 0), .channel = span_text("room")};
    ring_command(&ring, &leave);
    command(COMMAND_PUBLISH_TEXT, span_text("room"), span_text("c"));
    command(COMMAND_PUBLISH_TEXT, span_text("empty"), span_text("nobody"));
    command(COMMAND_TEXT, ring_id(&ring, 0), span_text("end"));
    client_expect(&ring, two,
                  "\x81\x01"
                  "c",
                  3);
    client_expect(&ring, one,
                  "\x81\x03"
                  "end",
                  5);
    ring_expect(&ring, &ring.router, "SUBSCRIBED #0 room");
    ring_expect(&ring, &ring.router, "SUBSCRIBED #1 room");
    ring_expect(&ring, &ring.router, "UNSUBSCRIBED #0 room");
    close(one);
    close(two);
}

static void test_pings_of_the_client(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    client_frame(fd, 0x89, span_text("a"));
    client_frame(fd, 0x89, span_text("b"));
    client_expect(&ring, fd,
                  "\x8a\x01"
                  "a\x8a\x01"
                  "b",
                  6);
    ring_expect_none(&ring, &ring.router, "BATCH");
    close(fd);
}

static void test_a_ping_flood_is_answered_by_its_last(void **state)
{
    enum { PINGS = 200000 };
    char payload[120];
    size_t most = 0;
    (void)state;
    int fd = client_open(&ring, 0);
    for (int i = 0; i < PINGS; i++) {
        snprintf(payload, sizeof(payload), "%0110d", i);
        client_frame(fd, 0x89, span_of(payload, 110));
        if (i % 64 == 0) {
            ring_turn(&ring);
            most = max_size(most, connection(0)->outbox.bytes);
        }
    }
    assert_true(most < 64 << 10);
    /* The last pong is the last ping's. */
    char got[113] = {0};
    do {
        for (size_t i = 0; i < sizeof(got) - 1; i++) {
            char byte[1];
            while (recv(fd, byte, 1, 0) != 1)
                ring_turn(&ring);
            got[i] = byte[0];
        }
        assert_memory_equal(got, "\x8a\x6e", 2);
    } while (atoi(got + 2) != PINGS - 1);
    close(fd);
}

enum { BEHIND_FRAME = 4 + 20000 }; /* of stream_of_text(), with its header */

static void append_text_frame(struct buffer *stream)
{
    buffer_append(stream, "\x81\x7e\x4e\x20", 4);
    memset(buffer_reserve(stream, BEHIND_FRAME - 4), 'x', BEHIND_FRAME - 4);
    buffer_commit(stream, BEHIND_FRAME - 4);
}

/* Sends messages to a client that does not read, until some are queued. Returns how many. */
static size_t fall_behind(void)
{
    size_t count = 0;
    struct buffer frame = {0};
    append_text_frame(&frame);
    while (connection(0)->outbox.count < 5) {
        command(COMMAND_TEXT, ring_id(&ring, 0), span_of(frame.data + 4, frame.length - 4));
        ring_expect(&ring, &ring.control, "RECEIPT");
        count++;
    }
    buffer_fini(&frame);
    return count;
}

static void ping_and_wait(int fd)
{
    int64_t before = metric_get_label(METRIC_FRAMES_IN, LABEL_FRAME_PING);
    client_frame(fd, 0x89, span_text("p"));
    while (metric_get_label(METRIC_FRAMES_IN, LABEL_FRAME_PING) == before)
        ring_turn(&ring);
}

/* RFC 6455 §5.5.2: as soon as is practical, which "when all is written" may never be. */
static void test_a_pong_does_not_wait_for_the_queue(void **state)
{
    struct buffer expected = {0};
    (void)state;
    int fd = client_open(&ring, 0);
    size_t count = fall_behind();
    size_t not_begun = connection(0)->outbox.count - 1;
    ping_and_wait(fd);
    for (size_t i = 0; i < count; i++) {
        if (i == count - not_begun)
            buffer_append(&expected, "\x8a\x01p", 3);
        append_text_frame(&expected);
    }
    client_expect(&ring, fd, expected.data, expected.length);
    buffer_fini(&expected);
    close(fd);
}

/* RFC 6455 §5.5.1: a close frame is the last. */
static void test_no_pong_comes_behind_the_close(void **state)
{
    enum { PONG = 3, CLOSE = 4 };
    (void)state;
    int fd = client_open(&ring, 0);
    size_t length = fall_behind() * BEHIND_FRAME + PONG + CLOSE;
    char *got = xmalloc(length);
    ping_and_wait(fd);
    command(COMMAND_CLOSE, ring_id(&ring, 0), (struct span){0});
    ring_expect(&ring, &ring.control, "RECEIPT");
    client_read(&ring, fd, got, length);
    assert_memory_equal(got + length - CLOSE, "\x88\x02\x03\xe8", CLOSE);
    client_frame(fd, 0x88, span_text("\x03\xe8"));
    client_expect_end(&ring, fd);
    free(got);
}

static void test_what_is_counted_as_sent(void **state)
{
    const int64_t pongs = metric_get_label(METRIC_FRAMES_OUT, LABEL_FRAME_PONG);
    const int64_t texts = metric_get_label(METRIC_FRAMES_OUT, LABEL_FRAME_TEXT);
    const int64_t deliveries = metric_get(METRIC_DELIVERIES);
    int64_t queued = 0;
    (void)state;
    int fd = client_open(&ring, 0);
    subscribe(0, "room");
    ring_expect(&ring, &ring.control, "RECEIPT");
    char *large = xcalloc(1, 10000);
    memset(large, 'x', 10000);
    for (;; queued++) {
        command(queued % 2 ? COMMAND_TEXT : COMMAND_PUBLISH_TEXT,
                queued % 2 ? ring_id(&ring, 0) : span_text("room"), span_of(large, 10000));
        ring_expect(&ring, &ring.control, "RECEIPT");
        if (connection(0)->stage != STAGE_OPEN)
            break; /* the queue was full: this one is not in it */
    }
    assert_int_equal(metric_get(METRIC_DELIVERIES) - deliveries, queued);
    assert_int_equal(metric_get_label(METRIC_FRAMES_OUT, LABEL_FRAME_TEXT) - texts, queued);
    free(large);
    close(fd);
    /* Of pings behind each other, the pongs that are sent count. */
    fd = client_open(&ring, 1);
    struct buffer pings = {0};
    for (int i = 0; i < 100; i++)
        buffer_append(&pings, "\x89\x80\0\0\0", 6);
    assert_int_equal(send(fd, pings.data, pings.length, 0), pings.length);
    for (int i = 0; i <= OUTBOX_PONGS; i++)
        client_expect(&ring, fd, "\x8a\x00", 2);
    assert_int_equal(metric_get_label(METRIC_FRAMES_OUT, LABEL_FRAME_PONG) - pongs,
                     OUTBOX_PONGS + 1);
    buffer_fini(&pings);
    close(fd);
}

static void test_the_client_closes(void **state)
{
    static const struct {
        const char *payload, *echo, *event;
        size_t length;
    } cases[] = {
        {"\x03\xe8"
         "bye",
         "\x88\x02\x03\xe8", "CLOSE:1000:bye", 5},
        {"\x0f\xa0", "\x88\x02\x0f\xa0", "CLOSE:4000:", 2},
        {"", "\x88\x00", "CLOSE:1005:", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int fd = client_open(&ring, i);
        client_text(fd, "last words");
        client_frame(fd, 0x88, span_of(cases[i].payload, cases[i].length));
        client_text(fd, "not heard");
        client_expect(&ring, fd, cases[i].echo, cases[i].length ? 4 : 2);
        client_expect_end(&ring, fd);
        assert_non_null(strstr(ring_expect(&ring, &ring.router, "BATCH"), "TEXT:last words"));
        assert_non_null(strstr(ring_expect(&ring, &ring.router, "BATCH"), cases[i].event));
        ring_ack(&ring, i, 1, ACK_DELIVERED, 0);
        ring_ack(&ring, i, 2, ACK_DELIVERED, 0);
        wait_until_gone();
    }
}

static void test_the_client_breaks_the_rules(void **state)
{
    static const struct {
        unsigned char first_byte;
        const char *payload, *answer, *event;
    } cases[] = {
        {0x83, "x",
         "\x88\x10\x03\xea"
         "protocol error",
         "CLOSE:1002:protocol error"},
        {0xf1, "x",
         "\x88\x10\x03\xea"
         "protocol error",
         "CLOSE:1002:protocol error"},
        {0x81, "\xff",
         "\x88\x0e\x03\xef"
         "invalid data",
         "CLOSE:1007:invalid data"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int fd = client_open(&ring, i);
        client_frame(fd, cases[i].first_byte, span_text(cases[i].payload));
        client_expect(&ring, fd, cases[i].answer, strlen(cases[i].answer));
        client_expect_end(&ring, fd);
        assert_non_null(strstr(ring_expect(&ring, &ring.router, "BATCH"), cases[i].event));
        ring_ack(&ring, i, 1, ACK_DELIVERED, 0);
        wait_until_gone();
    }
}

static void test_a_message_over_the_limit(void **state)
{
    char large[2001];
    (void)state;
    memset(large, 'x', sizeof(large));
    int fd = client_open(&ring, 0);
    client_frame(fd, 0x81, span_of(large, 2000));
    client_frame(fd, 0x81, span_of(large, 2001));
    client_expect(&ring, fd,
                  "\x88\x11\x03\xf1"
                  "message too big",
                  19);
    client_expect_end(&ring, fd);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:xxx");
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 CLOSE:1009:");
}

static void test_the_backend_closes(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    subscribe(0, "room");
    command(COMMAND_TEXT, ring_id(&ring, 0), span_text("last"));
    const struct record_command_body close_command = {.type = COMMAND_CLOSE,
                                                      .target = ring_id(&ring, 0),
                                                      .code = 4999,
                                                      .status = 403,
                                                      .data = span_text("out")};
    ring_command(&ring, &close_command);
    command(COMMAND_TEXT, ring_id(&ring, 0), span_text("too late"));
    command(COMMAND_PUBLISH_TEXT, span_text("room"), span_text("too late"));
    client_expect(&ring, fd, "\x81\x04last\x88\x05\x13\x87out", 13);
    client_text(fd, "crossed"); /* written before the client saw that it is over */
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:crossed");
    ring_expect_none(&ring, &ring.router, "BATCH"); /* until the client has answered */
    assert_int_equal(connection(0)->stage, STAGE_CLOSING);
    client_frame(fd, 0x88, span_text("\x13\x87"));
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 CLOSE:4999:out");
    client_expect_end(&ring, fd);
}

static void test_the_client_never_answers_the_close(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    command(COMMAND_CLOSE, ring_id(&ring, 0), (struct span){0});
    client_expect(&ring, fd, "\x88\x02\x03\xe8", 4);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1000:");
    client_expect_end(&ring, fd);
}

static void test_a_channel_is_closed(void **state)
{
    int fds[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fds[i] = client_open(&ring, i);
        subscribe(i, i < 2 ? "room" : "other");
    }
    const struct record_command_body close_command = {.type = COMMAND_CLOSE_CHANNEL,
                                                      .target = span_text("room"),
                                                      .code = 4001,
                                                      .data = span_text("shut")};
    ring_command(&ring, &close_command);
    for (size_t i = 0; i < 2; i++) {
        client_expect(&ring, fds[i], "\x88\x06\x0f\xa1shut", 8);
        client_frame(fds[i], 0x88, span_text("\x0f\xa1"));
        assert_non_null(strstr(ring_expect(&ring, &ring.router, "BATCH"), "CLOSE:4001:shut"));
        client_expect_end(&ring, fds[i]);
    }
    assert_int_equal(ring.edge->in_stage[STAGE_OPEN], 1);
    close(fds[2]);
}

static void test_the_client_vanishes(void **state)
{
    const struct linger reset = {.l_onoff = 1};
    (void)state;
    int fd = client_open(&ring, 0);
    client_text(fd, "a");
    shutdown(fd, SHUT_WR);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:a");
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 CLOSE:1006:");
    client_expect_end(&ring, fd);

    fd = client_open(&ring, 1);
    client_text(fd, "b");
    client_frame(fd, 0x01, span_text("a fragment that is never finished"));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    ring_expect(&ring, &ring.router, "BATCH #1 1-1 TEXT:b");
    ring_expect(&ring, &ring.router, "BATCH #1 2-2 CLOSE:1006:");
}

static void test_a_reset_while_being_written_to_loses_no_message(void **state)
{
    const struct linger reset = {.l_onoff = 1};
    (void)state;
    int fd = client_open(&ring, 0);
    client_text(fd, "sent before the reset");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    command(COMMAND_TEXT, ring_id(&ring, 0), span_text("into the void"));
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:sent before the reset");
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 CLOSE:1006:");
}

static void test_a_slow_consumer(void **state)
{
    char *large = xcalloc(1, 100000);
    (void)state;
    int slow = client_open(&ring, 0), fast = client_open(&ring, 1);
    subscribe(0, "room");
    subscribe(1, "room");
    memset(large, 'x', 100000);
    while (connection(0)->stage == STAGE_OPEN) {
        char got[20000];
        command(COMMAND_PUBLISH_TEXT, span_text("room"), span_of(large, 10000));
        for (int i = 0; i < 5; i++) {
            ring_turn(&ring);
            while (recv(fast, got, sizeof(got), 0) > 0)
                ;
        }
        assert_true(connection(0)->outbox.bytes <= 64 << 10);
    }
    assert_int_equal(connection(1)->stage, STAGE_OPEN);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1013:too slow to receive");
    close(slow);
    close(fast);
    free(large);
}

/* What the edge takes in while the backend does not answer is bounded, and nothing of it is lost.
 */
static void test_a_flood_is_not_read(void **state)
{
    enum { MESSAGES = 20000 };
    char text[200];
    size_t sent = 0, seen = 0;
    (void)state;
    int fd = client_open(&ring, 0);
    memset(text, 'x', sizeof(text));
    struct buffer flood = {0};
    for (size_t i = 0; i < MESSAGES; i++) {
        const char header[] = {(char)0x81, (char)(0x80 | 100), 0, 0, 0, 0};
        buffer_append(&flood, header, sizeof(header));
        snprintf(text, sizeof(text), "%0100zu", i);
        buffer_append(&flood, text, 100);
    }
    while (!traffic_is_paused(connection(0))) {
        ssize_t length = send(fd, flood.data + sent, min_size(flood.length - sent, 5000), 0);
        sent += length > 0 ? (size_t)length : 0;
        ring_turn(&ring);
    }
    assert_true(connection(0)->events.bytes < (16 << 10) + 2 * TRAFFIC_READ_BYTES);
    bool is_shut = false;
    uint64_t first = 1;
    while (seen < MESSAGES) {
        while (sent < flood.length) {
            ssize_t length = send(fd, flood.data + sent, flood.length - sent, 0);
            if (length <= 0)
                break;
            sent += (size_t)length;
        }
        if (sent == flood.length && !is_shut) {
            shutdown(fd, SHUT_WR); /* hangs up with much of it unread */
            is_shut = true;
        }
        unsigned last;
        unsigned from;
        const char *line = ring_expect(&ring, &ring.router, "BATCH #0 ");
        assert_int_equal(sscanf(line, "%u-%u", &from, &last), 2);
        assert_int_equal(from, first);
        for (const char *at = line; (at = strstr(at, "TEXT:")); at += 5, seen++)
            assert_int_equal(strtoul(at + 5, NULL, 10), seen);
        first = last + 1;
        ring_ack(&ring, 0, last, ACK_DELIVERED, 0);
    }
    char expected[64];
    snprintf(expected, sizeof(expected), "BATCH #0 %u-%u CLOSE:1006:", MESSAGES + 1, MESSAGES + 1);
    ring_expect(&ring, &ring.router, expected);
    buffer_fini(&flood);
    close(fd);
}

static void test_silence_is_pinged_and_then_death(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    client_expect(&ring, fd, "\x89\x00", 2);
    client_frame(fd, 0x8a, (struct span){0});
    client_expect(&ring, fd, "\x89\x00", 2);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1006:no answer to ping");
    client_expect_end(&ring, fd);
}

static void test_idle_and_lifetime(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    for (int i = 0; i < 3; i++) {
        client_text(fd, "x");
        ring_expect(&ring, &ring.router, "BATCH");
        ring_ack(&ring, 0, 1 + (uint64_t)i, ACK_DELIVERED, 0);
    }
    bool is_idle = ring.config.idle_timeout_ms > 0;
    client_expect(&ring, fd, is_idle ? "\x88\x06\x0f\xa0idle" : "\x88\x12\x0f\xa1lifetime reached",
                  is_idle ? 8 : 20);
    client_frame(fd, 0x88, (struct span){0});
    const char *line = ring_expect(&ring, &ring.router, "BATCH #0 4-4 CLOSE:");
    assert_memory_equal(line, is_idle ? "4000:" : "4001:", 5);
    client_expect_end(&ring, fd);
}

static void test_compressed_messages(void **state)
{
    char text[300];
    (void)state;
    memset(text, 'z', sizeof(text));
    int fd = client_shake(&ring, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body accept = {.type = COMMAND_ACCEPT, .target = ring_id(&ring, 0)};
    ring_answer(&ring, 0, 0, &accept);
    assert_non_null(strstr(client_answer(&ring, fd), "permessage-deflate"));
    ring_ack(&ring, 0, 0, ACK_DELIVERED, 0);
    command(COMMAND_TEXT, ring_id(&ring, 0), span_of(text, sizeof(text)));
    struct deflate_engine *engine = deflate_engine_new();
    struct buffer payload = {0};
    assert_true(deflate_compress(engine, 15, span_of(text, sizeof(text)), &payload));
    const char header[] = {(char)0xc1, (char)payload.length};
    client_expect(&ring, fd, header, 2);
    client_expect(&ring, fd, payload.data, payload.length);
    client_frame(fd, 0xc1, buffer_span(&payload));
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:zzzzzzzzzz");
    buffer_fini(&payload);
    deflate_engine_destroy(&engine);
    close(fd);
}

/* Many publishes of one turn leave in one write, in order; the last one is not left behind. */
static void test_a_burst(void **state)
{
    enum { PUBLISHES = 1000 };
    struct buffer expected = {0};
    (void)state;
    int fd = client_open(&ring, 0);
    subscribe(0, "room");
    for (int i = 0; i < PUBLISHES; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%05d", i);
        command(COMMAND_PUBLISH_TEXT, span_text("room"), span_text(text));
        buffer_append_format(&expected, "\x81\x05%s", text);
    }
    client_expect(&ring, fd, expected.data, expected.length);
    buffer_fini(&expected);
    close(fd);
}

static const char *limited[] = {"MESSAGE_LIMIT=2000", NULL};
static const char *hurried[] = {"CLOSE_TIMEOUT=100ms", NULL};
static const char *narrow[] = {"SEND_QUEUE_LIMIT=64k", "CLOSE_TIMEOUT=100ms", NULL};
static const char *shallow[] = {"EVENT_QUEUE_LIMIT=16k", NULL};
static const char *pinging[] = {"PING_INTERVAL=300ms", "PING_TIMEOUT=300ms", NULL};
static const char *idling[] = {"IDLE_TIMEOUT=500ms", NULL};
static const char *mortal[] = {"CONNECTION_LIFETIME=500ms", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_messages_gather_while_two_batches_are_out, NULL),
        RING_TEST(test_messages_to_clients, NULL),
        RING_TEST(test_pings_of_the_client, NULL),
        RING_TEST(test_a_ping_flood_is_answered_by_its_last, NULL),
        RING_TEST(test_a_pong_does_not_wait_for_the_queue, NULL),
        RING_TEST(test_no_pong_comes_behind_the_close, NULL),
        RING_TEST(test_what_is_counted_as_sent, narrow),
        RING_TEST(test_the_client_closes, NULL),
        RING_TEST(test_the_client_breaks_the_rules, NULL),
        RING_TEST(test_a_message_over_the_limit, limited),
        RING_TEST(test_the_backend_closes, NULL),
        RING_TEST(test_the_client_never_answers_the_close, hurried),
        RING_TEST(test_a_channel_is_closed, NULL),
        RING_TEST(test_the_client_vanishes, NULL),
        RING_TEST(test_a_reset_while_being_written_to_loses_no_message, NULL),
        RING_TEST(test_a_slow_consumer, narrow),
        RING_TEST(test_a_flood_is_not_read, shallow),
        RING_TEST(test_silence_is_pinged_and_then_death, pinging),
        RING_TEST(test_idle_and_lifetime, idling),
        RING_TEST(test_idle_and_lifetime, mortal),
        RING_TEST(test_compressed_messages, NULL),
        RING_TEST(test_a_burst, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
