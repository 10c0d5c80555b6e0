/* What was read and is no event yet: the rest behind a pause, and unfinished messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/contract/command.h"
#include "common/process/metrics.h"
#include "edge/traffic.h"
#include "tests/unit/edge/ring_fixture.h"

enum {
    MESSAGE_BYTES = 1 << 20, /* one message of a bomb, about 1 kB on the wire */
    BOMB_MESSAGES = 40,
};

static struct connection *connection(size_t number)
{
    return connection_find(ring.edge, ring_id(&ring, number));
}

static void command(enum command_type type, size_t number)
{
    const struct record_command_body body = {.type = type, .target = ring_id(&ring, number)};
    ring_command(&ring, &body);
}

static int open_with_deflate(size_t number)
{
    char line[32];
    int fd = client_shake(&ring, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    snprintf(line, sizeof(line), "BATCH #%zu 0-0 meta OPEN", number);
    ring_expect(&ring, &ring.router, line);
    command(COMMAND_ACCEPT, number);
    assert_non_null(strstr(client_answer(&ring, fd), "permessage-deflate"));
    ring_ack(&ring, number, 0, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "OPENED");
    return fd;
}

static char letter(size_t message)
{
    return (char)('a' + message % 26);
}

/* Messages of one letter each, compressed a thousandfold. All of it fits into one read. */
static void append_bomb(struct buffer *bytes)
{
    static const uint8_t no_mask[4];
    struct deflate_engine *engine = deflate_engine_new();
    char *message = xmalloc(MESSAGE_BYTES);
    for (size_t i = 0; i < BOMB_MESSAGES; i++) {
        struct buffer payload = {0};
        memset(message, letter(i), MESSAGE_BYTES);
        assert_true(deflate_compress(engine, 15, span_of(message, MESSAGE_BYTES), &payload));
        const char header[] = {(char)0xc1, (char)0xfe, (char)(payload.length >> 8),
                               (char)payload.length};
        buffer_append(bytes, header, sizeof(header));
        buffer_append(bytes, no_mask, sizeof(no_mask));
        buffer_append_span(bytes, buffer_span(&payload));
        buffer_fini(&payload);
    }
    assert_true(bytes->length < TRAFFIC_READ_BYTES);
    free(message);
    deflate_engine_destroy(&engine);
}

/* Sends all and waits until the edge has read it. */
static void send_and_wait(int fd, struct span bytes)
{
    int64_t before = metric_get(METRIC_BYTES_IN);
    assert_int_equal(send(fd, bytes.data, bytes.length, 0), bytes.length);
    while (metric_get(METRIC_BYTES_IN) - before < (int64_t)bytes.length)
        ring_turn(&ring);
}

static void send_bomb(int fd)
{
    struct buffer bomb = {0};
    append_bomb(&bomb);
    send_and_wait(fd, buffer_span(&bomb));
    buffer_fini(&bomb);
}

static int open_and_bomb(size_t number)
{
    int fd = open_with_deflate(number);
    send_bomb(fd);
    return fd;
}

/* Takes events up to `last` as they come, each as it must be, and acknowledges them. Meanwhile no
 * more waits than the limit and one message. */
static void deliver_bomb(size_t number, uint64_t last)
{
    const size_t most = ring.config.event_queue_bytes + MESSAGE_BYTES + EVENT_OVERHEAD_BYTES;
    char start[32];
    snprintf(start, sizeof(start), "BATCH #%zu ", number);
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        unsigned first, end;
        char data;
        const char *line = ring_expect(&ring, &ring.router, start);
        assert_int_equal(sscanf(line, "%u-%u TEXT:%c", &first, &end, &data), 3);
        assert_int_equal(first, sequence);
        assert_int_equal(end, sequence);
        assert_int_equal(data, letter(sequence - 1));
        assert_true(connection(number)->events.bytes <= most);
        ring_ack(&ring, number, sequence, ACK_DELIVERED, 0);
    }
}

static void expect_close(size_t number, uint64_t sequence, const char *close)
{
    char start[64];
    snprintf(start, sizeof(start), "BATCH #%zu %u-%u CLOSE:%s", number, (unsigned)sequence,
             (unsigned)sequence, close);
    ring_expect(&ring, &ring.router, start);
}

/* ---- the rest of a read ---- */

static void test_a_read_is_decoded_as_far_as_the_limit(void **state)
{
    (void)state;
    int fd = open_and_bomb(0);
    assert_true(traffic_is_paused(connection(0)));
    assert_int_equal(connection(0)->events.count, 1);
    assert_true(inbox_has_rest(connection(0)));
    client_text(fd, "behind it"); /* not read before the rest is done */
    deliver_bomb(0, BOMB_MESSAGES);
    ring_expect(&ring, &ring.router, "BATCH #0 41-41 TEXT:behind it");
    assert_null(connection(0)->inbox); /* a connection that rests holds nothing */
    assert_false(traffic_is_paused(connection(0)));
    close(fd);
}

static void test_the_rest_is_delivered_when_the_client_has_gone(void **state)
{
    (void)state;
    int fd = open_and_bomb(0);
    close(fd);
    deliver_bomb(0, BOMB_MESSAGES);
    expect_close(0, BOMB_MESSAGES + 1, "1006:");
}

static void test_the_rest_is_delivered_after_a_reset(void **state)
{
    const struct linger reset = {.l_onoff = 1};
    (void)state;
    int fd = open_and_bomb(0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    while (!connection(0)->is_deaf)
        ring_turn(&ring);
    deliver_bomb(0, BOMB_MESSAGES);
    expect_close(0, BOMB_MESSAGES + 1, "1006:");
}

static void test_the_rest_is_delivered_after_our_close_frame(void **state)
{
    (void)state;
    int fd = open_and_bomb(0);
    command(COMMAND_CLOSE, 0);
    client_expect(&ring, fd, "\x88\x02\x03\xe8", 4);
    client_frame(fd, 0x88, span_text("\x03\xe8"));
    deliver_bomb(0, BOMB_MESSAGES);
    expect_close(0, BOMB_MESSAGES + 1, "1000:");
    client_expect_end(&ring, fd);
}

static void test_the_rest_goes_with_a_client_that_does_not_answer_the_close(void **state)
{
    (void)state;
    int fd = open_and_bomb(0);
    assert_true(ring.edge->rest_bytes > 0);
    command(COMMAND_CLOSE, 0);
    while (connection(0)->stage != STAGE_CLOSED)
        ring_turn(&ring);
    assert_int_equal(ring.edge->rest_bytes, 0);
    deliver_bomb(0, 1);
    expect_close(0, 2, "1000:");
    close(fd);
}

static void test_an_edge_may_end_with_a_rest(void **state)
{
    (void)state;
    close(open_and_bomb(0));
    assert_true(ring.edge->rest_bytes > 0);
}

/* A slow backend and a rest of each client, more together than EDGE_EVENT_LIMIT. */
static void test_rests_do_not_keep_the_edge_from_reading_on(void **state)
{
    enum { CLIENTS = 24, MESSAGES = 500, LENGTH = 120 };
    uint64_t done[CLIENTS] = {0};
    int fds[CLIENTS];
    struct buffer messages = {0};
    size_t left = (size_t)CLIENTS * MESSAGES;
    (void)state;
    for (size_t i = 0; i < MESSAGES; i++) {
        buffer_append(&messages, "\x81\xf8\0\0\0\0", 6);
        memset(buffer_reserve(&messages, LENGTH), 'm', LENGTH);
        buffer_commit(&messages, LENGTH);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = client_open(&ring, i);
    int bomber = open_with_deflate(CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++)
        send_and_wait(fds[i], buffer_span(&messages));
    assert_true(ring.edge->rest_bytes > ring.config.edge_event_bytes);
    send_bomb(bomber);
    assert_true(ring.edge->is_pressed);
    while (left > 0) {
        unsigned number, first, last;
        const char *line = ring_expect(&ring, &ring.router, "BATCH #");
        assert_int_equal(sscanf(line, "%u %u-%u", &number, &first, &last), 3);
        ring_ack(&ring, number, last, ACK_DELIVERED, 0);
        if (number == CLIENTS)
            continue; /* the bomb */
        assert_int_equal(first, done[number] + 1);
        done[number] = last;
        left -= last - first + 1;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        close(fds[i]);
    close(bomber);
    buffer_fini(&messages);
}

static void test_early_frames_wait_while_nobody_is_read(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    client_text(fd, "early");
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    ring.router.is_deaf = true;
    ring_restart_peer(&ring, &ring.router);
    while (!ring.edge->is_pressed)
        ring_turn(&ring);
    command(COMMAND_ACCEPT, 0);
    assert_non_null(strstr(client_answer(&ring, fd), "HTTP/1.1 101 "));
    client_text(fd, "late");
    while (!traffic_is_paused(connection(0)))
        ring_turn(&ring);
    ring.router.is_deaf = false;
    ring_restart_peer(&ring, &ring.router);
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    ring_ack(&ring, 0, 0, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:early");
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 TEXT:late");
    close(fd);
}

/* ---- unfinished messages ---- */

enum { FRAGMENT = 60000 };

/* A fragment of a message, the first or a further one. */
static void send_fragment(int fd, bool is_first, size_t length)
{
    char *data = xcalloc(1, length);
    int64_t before = metric_get(METRIC_BYTES_IN);
    client_frame(fd, is_first ? 0x02 : 0x00, span_of(data, length));
    while (metric_get(METRIC_BYTES_IN) - before < (int64_t)length)
        ring_turn(&ring);
    free(data);
}

/* Strangers that begin messages and never end them take the limit from each other, not the
 * edge from those who go on. */
static void test_who_stalls_is_cut_for_who_goes_on(void **state)
{
    enum { CLIENTS = 40 };
    static const char cut[] = "\x88\x21\x03\xf5message unfinished for too long";
    const int64_t reached = metric_get_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EDGE_UNFINISHED);
    int fds[CLIENTS];
    size_t most = 0;
    bool is_told = false;
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = client_open(&ring, i);
        send_fragment(fds[i], true, FRAGMENT);
        most = max_size(most, ring.edge->unfinished_bytes);
        if (connection(0)->stage == STAGE_CLOSED && !is_told) {
            expect_close(0, 1, "1013:message unfinished for too long");
            is_told = true;
        }
    }
    assert_true(is_told);
    assert_true(most > ring.config.edge_unfinished_bytes / 2); /* they do count */
    assert_true(most <= ring.config.edge_unfinished_bytes);
    assert_false(ring.edge->is_pressed);
    client_expect(&ring, fds[0], cut, sizeof(cut) - 1);
    client_expect_end(&ring, fds[0]);
    size_t left = ring.edge->in_stage[STAGE_OPEN];
    assert_int_equal(metric_get_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EDGE_UNFINISHED) - reached,
                     CLIENTS - left);
    for (size_t i = CLIENTS - left; i < CLIENTS; i++) { /* the later ones: none of them is cut */
        char start[32];
        client_frame(fds[i], 0x80, span_text("the end"));
        snprintf(start, sizeof(start), "BATCH #%zu 1-1 BINARY:", i);
        ring_expect(&ring, &ring.router, start);
    }
    assert_int_equal(ring.edge->unfinished_bytes, 0);
    for (size_t i = 1; i < CLIENTS; i++)
        close(fds[i]);
}

static void test_a_new_message_is_not_an_old_one(void **state)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        fds[i] = client_open(&ring, i);
        send_fragment(fds[i], true, FRAGMENT);
    }
    /* The end of its first message and the beginning of the next, in one read. */
    send_and_wait(fds[0], span_of("\x80\x80\0\0\0\0\x02\x81\0\0\0\0x", 13));
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 BINARY:");
    for (size_t i = 2; connection(1)->stage == STAGE_OPEN; i++) {
        assert_true(i < CLIENTS);
        fds[i] = client_open(&ring, i);
        send_fragment(fds[i], true, FRAGMENT);
    }
    assert_int_equal(connection(0)->stage, STAGE_OPEN);
    for (size_t i = 0; i < ring.id_count; i++)
        close(fds[i]);
}

/* Its answer to our close frame may be long in coming, and there be a message before it. */
static void test_a_closing_one_is_cut_too(void **state)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS];
    (void)state;
    fds[0] = client_open(&ring, 0);
    send_fragment(fds[0], true, FRAGMENT);
    command(COMMAND_CLOSE, 0);
    client_expect(&ring, fds[0], "\x88\x02\x03\xe8", 4);
    for (size_t i = 1; connection(0)->stage == STAGE_CLOSING; i++) {
        assert_true(i < CLIENTS);
        fds[i] = client_open(&ring, i);
        send_fragment(fds[i], true, FRAGMENT);
    }
    expect_close(0, 1, "1000:");
    for (size_t i = 0; i < ring.id_count; i++)
        close(fds[i]);
}

static void test_a_long_message_alone_is_finished(void **state)
{
    enum { FRAGMENTS = 4 };
    (void)state;
    int fd = client_open(&ring, 0);
    for (size_t i = 0; i < FRAGMENTS; i++)
        send_fragment(fd, i == 0, FRAGMENT);
    assert_true(ring.edge->unfinished_bytes >= (size_t)FRAGMENTS * FRAGMENT);
    client_frame(fd, 0x80, (struct span){0});
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 BINARY:");
    assert_int_equal(ring.edge->unfinished_bytes, 0);
    assert_null(connection(0)->inbox);
    close(fd);
}

static const char *patient[] = {"CLOSE_TIMEOUT=60s", NULL};
static const char *hurried[] = {"CLOSE_TIMEOUT=100ms", NULL};
static const char *shallow[] = {"EVENT_QUEUE_LIMIT=1k", "EDGE_EVENT_LIMIT=1M", NULL};
static const char *impatient[] = {"PEER_TIMEOUT=500ms", NULL};
static const char *narrow[] = {"MESSAGE_LIMIT=256k", "EDGE_UNFINISHED_LIMIT=1M", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_a_read_is_decoded_as_far_as_the_limit, NULL),
        RING_TEST(test_the_rest_is_delivered_when_the_client_has_gone, NULL),
        RING_TEST(test_the_rest_is_delivered_after_a_reset, NULL),
        RING_TEST(test_the_rest_is_delivered_after_our_close_frame, patient),
        RING_TEST(test_the_rest_goes_with_a_client_that_does_not_answer_the_close, hurried),
        RING_TEST(test_an_edge_may_end_with_a_rest, NULL),
        RING_TEST(test_rests_do_not_keep_the_edge_from_reading_on, shallow),
        RING_TEST(test_early_frames_wait_while_nobody_is_read, impatient),
        RING_TEST(test_who_stalls_is_cut_for_who_goes_on, narrow),
        RING_TEST(test_a_new_message_is_not_an_old_one, narrow),
        RING_TEST(test_a_closing_one_is_cut_too, narrow),
        RING_TEST(test_a_long_message_alone_is_finished, narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
