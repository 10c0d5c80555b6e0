/* Handshakes: how a client becomes a connection, or does not. */
#include "common/contract/command.h"
#include "tests/unit/edge/ring_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

static void refuse_with(size_t number, int status, const char *text)
{
    const struct record_command_body close = {
        .type = COMMAND_CLOSE,
        .target = ring_id(&ring, number),
        .status = (uint64_t)status,
        .body = span_text(text),
    };
    ring_answer(&ring, number, 0, &close);
}

static void expect_answer(int fd, const char *start)
{
    const char *answer = client_answer(&ring, fd);
    if (strncmp(answer, start, strlen(start)) != 0)
        fail_msg("not %s, but: %s", start, answer);
}

static void test_accepted_with_everything_the_backend_chose(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "Sec-WebSocket-Protocol: chat, other\r\nCookie: a=b\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    assert_int_equal(ring.edge->in_stage[STAGE_PENDING], 1);
    const struct record_header headers[] = {{span_text("X-Answer"), span_text("42")}};
    const struct record_command_body accept = {
        .type = COMMAND_ACCEPT,
        .target = ring_id(&ring, 0),
        .subprotocol = span_text("other"),
        .headers = {.items = headers, .count = 1},
    };
    ring_answer(&ring, 0, 0, &accept);
    const char *answer = client_answer(&ring, fd);
    assert_non_null(strstr(answer, "HTTP/1.1 101 "));
    assert_non_null(strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_non_null(strstr(answer, "other\r\n"));
    assert_non_null(strstr(answer, "X-Answer: 42\r\n"));
    ring_expect(&ring, &ring.router, "OPENED #0");
    assert_int_equal(ring.edge->in_stage[STAGE_OPEN], 1);
    struct connection *connection = connection_find(ring.edge, ring_id(&ring, 0));
    assert_non_null(strstr(connection->metadata, "\"cookie\":\"a=b\""));
    assert_non_null(strstr(connection->metadata, "\"ip\":\"127.0.0.1\""));
    close(fd);
}

static void test_unknown_subprotocol_is_dropped(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "Sec-WebSocket-Protocol: chat\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body accept = {.type = COMMAND_ACCEPT,
                                               .target = ring_id(&ring, 0),
                                               .subprotocol = span_text("never-offered")};
    ring_answer(&ring, 0, 0, &accept);
    const char *answer = client_answer(&ring, fd);
    assert_non_null(strstr(answer, "HTTP/1.1 101 "));
    assert_null(strstr(answer, "never-offered"));
    close(fd);
}

static void test_commands_behind_accept_take_effect_in_order(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body commands[] = {
        {.type = COMMAND_ACCEPT, .target = ring_id(&ring, 0), .index = 0},
        {.type = COMMAND_SUBSCRIBE,
         .target = ring_id(&ring, 0),
         .channel = span_text("room"),
         .index = 1},
        {.type = COMMAND_PUBLISH_TEXT,
         .target = span_text("room"),
         .data = span_text("hi"),
         .index = 2},
        {.type = COMMAND_SET_METADATA,
         .target = ring_id(&ring, 0),
         .data = span_text("[1]"),
         .index = 3},
        {.type = COMMAND_CLOSE,
         .target = ring_id(&ring, 0),
         .code = 4321,
         .data = span_text("done"),
         .index = 4},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        ring_answer(&ring, 0, 0, &commands[i]);
    expect_answer(fd, "HTTP/1.1 101 ");
    client_expect(&ring, fd,
                  "\x81\x02hi\x88\x06\x10\xe1"
                  "done",
                  12);
    ring_expect(&ring, &ring.router, "OPENED #0");
    ring_expect(&ring, &ring.router, "SUBSCRIBED #0 room");
    ring_expect(&ring, &ring.router, "METADATA #0 [1]");
    client_frame(fd, 0x88, span_text("\x10\xe1"));
    ring_ack(&ring, 0, 0, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:4321:done");
    client_expect_end(&ring, fd);
}

static void test_frames_behind_the_handshake_are_kept(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    client_text(fd, "early");
    client_text(fd, "bird");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body accept = {.type = COMMAND_ACCEPT, .target = ring_id(&ring, 0)};
    ring_answer(&ring, 0, 0, &accept);
    expect_answer(fd, "HTTP/1.1 101 ");
    ring_ack(&ring, 0, 0, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 1-2 TEXT:early TEXT:bird");
    close(fd);
}

static void test_commands_from_elsewhere_do_not_touch_a_pending_one(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body commands[] = {
        {.type = COMMAND_TEXT, .target = ring_id(&ring, 0), .data = span_text("too early")},
        {.type = COMMAND_SUBSCRIBE, .target = ring_id(&ring, 0), .channel = span_text("room")},
        {.type = COMMAND_SET_METADATA, .target = ring_id(&ring, 0), .data = span_text("1")},
        {.type = COMMAND_CLOSE, .target = ring_id(&ring, 0), .code = 1000},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        ring_command(&ring, &commands[i]);
    ring_expect(&ring, &ring.control, "RECEIPT 1-4");
    assert_int_equal(ring.edge->in_stage[STAGE_PENDING], 1);
    assert_null(channel_find(&ring.edge->channels, span_text("room")));
    refuse_with(0, 401, "who are you");
    const char *answer = client_answer(&ring, fd);
    assert_non_null(strstr(answer, "HTTP/1.1 401 "));
    assert_non_null(strstr(answer, "who are you"));
    close(fd);
}

static void test_refused_and_forgotten_without_a_close(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    refuse_with(0, 403, "");
    expect_answer(fd, "HTTP/1.1 403 ");
    assert_int_equal(ring.edge->in_stage[STAGE_TOMBSTONE], 1);
    ring_ack(&ring, 0, 0, ACK_REFUSED, 403);
    ring_expect_none(&ring, &ring.router, "BATCH");
    assert_int_equal(ring.edge->connections.count, 0);
    close(fd);
}

static void test_the_routers_verdict_is_the_answer(void **state)
{
    static const struct {
        enum ack_outcome outcome;
        int status;
        const char *answer;
        bool owes_close;
    } cases[] = {
        {ACK_REFUSED, 0, "HTTP/1.1 403 ", false},   {ACK_REFUSED, 502, "HTTP/1.1 502 ", false},
        {ACK_REFUSED, 503, "HTTP/1.1 503 ", false}, {ACK_UNKNOWN, 504, "HTTP/1.1 504 ", true},
        {ACK_UNKNOWN, 502, "HTTP/1.1 502 ", true},  {ACK_DELIVERED, 0, "HTTP/1.1 502 ", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int fd = client_shake(&ring, "");
        ring_expect(&ring, &ring.router, "BATCH");
        ring_ack(&ring, i, 0, cases[i].outcome, cases[i].status);
        expect_answer(fd, cases[i].answer);
        if (cases[i].owes_close) {
            assert_non_null(strstr(ring_expect(&ring, &ring.router, "BATCH"), "CLOSE:1006:"));
            ring_ack(&ring, i, 1, ACK_DELIVERED, 0);
        }
        ring_expect_none(&ring, &ring.router, "BATCH");
        assert_int_equal(ring.edge->connections.count, 0);
        close(fd);
    }
}

static void test_a_client_that_gives_up_leaves_a_tombstone(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    close(fd);
    while (ring.edge->in_stage[STAGE_TOMBSTONE] == 0)
        ring_turn(&ring);
    assert_int_equal(ring.edge->in_stage[STAGE_PENDING], 0);
    ring_ack(&ring, 0, 0, ACK_REFUSED, 403);
    ring_expect_none(&ring, &ring.router, "BATCH");
    assert_int_equal(ring.edge->connections.count, 0);
}

static void test_a_client_that_gives_up_and_was_accepted_is_closed(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    const struct linger reset = {.l_onoff = 1};
    ring_expect(&ring, &ring.router, "BATCH #0");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    while (ring.edge->in_stage[STAGE_TOMBSTONE] == 0)
        ring_turn(&ring);
    const struct record_command_body commands[] = {
        {.type = COMMAND_ACCEPT, .target = ring_id(&ring, 0), .index = 0},
        {.type = COMMAND_TEXT, .target = ring_id(&ring, 0), .data = span_text("x"), .index = 1},
    };
    ring_answer(&ring, 0, 0, &commands[0]);
    ring_answer(&ring, 0, 0, &commands[1]);
    ring_expect(&ring, &ring.control, "RECEIPT 1-2");
    ring_ack(&ring, 0, 0, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1006:");
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    while (ring.edge->connections.count > 0)
        ring_turn(&ring);
}

static void test_too_slow_a_backend(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    expect_answer(fd, "HTTP/1.1 504 ");
    close(fd);
    assert_int_equal(ring.edge->in_stage[STAGE_TOMBSTONE], 1);
    ring_ack(&ring, 0, 0, ACK_UNKNOWN, 504);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1006:");
}

static void test_requests_answered_at_once(void **state)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "},
        {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
        {"rubbish\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         "HTTP/1.1 426 "},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
         "HTTP/1.1 400 "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int fd = client_connect(&ring, cases[i].request);
        expect_answer(fd, cases[i].answer);
        close(fd);
    }
    char *flood = xcalloc(1, 20001);
    memset(flood, 'x', 20000);
    memcpy(flood, "GET / HTTP/1.1\r\nHost: ", 22);
    int fd = client_connect(&ring, flood);
    expect_answer(fd, "HTTP/1.1 431 ");
    close(fd);
    free(flood);
    ring_expect_none(&ring, &ring.router, "BATCH");
    assert_int_equal(ring.edge->connections.count, 0);
}

static void test_slow_handshake(void **state)
{
    (void)state;
    int fd = client_connect(&ring, "GET / HTTP/1.1\r\nHost:");
    expect_answer(fd, "HTTP/1.1 408 ");
    close(fd);
    while (!list_is_empty(&ring.edge->clients) || !list_is_empty(&ring.edge->lingering))
        ring_turn(&ring);
}

static void test_full(void **state)
{
    (void)state;
    int first = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    int second = client_shake(&ring, "");
    const char *answer = client_answer(&ring, second);
    assert_non_null(strstr(answer, "HTTP/1.1 503 "));
    assert_non_null(strstr(answer, "Retry-After: "));
    close(second);
    refuse_with(0, 403, "");
    expect_answer(first, "HTTP/1.1 403 ");
    close(first);
    ring_ack(&ring, 0, 0, ACK_REFUSED, 0);
    while (ring.edge->connections.count > 0)
        ring_turn(&ring);
    int third = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #1");
    close(third);
}

static void reset(int fd)
{
    const struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

/* Whoever hangs up has still made work for the backend: it counts until that is done. */
static void test_who_hangs_up_is_counted_until_the_backend_has_answered(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    reset(fd);
    while (ring.edge->in_stage[STAGE_TOMBSTONE] == 0)
        ring_turn(&ring);
    fd = client_shake(&ring, "");
    bool by_address = ring.config.max_connections_per_address > 0;
    expect_answer(fd, by_address ? "HTTP/1.1 429 " : "HTTP/1.1 503 ");
    close(fd);
    ring_ack(&ring, 0, 0, ACK_REFUSED, 0);
    while (ring.edge->connections.count > 0)
        ring_turn(&ring);
    fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #1 0-0 meta OPEN");
    close(fd);
}

static void test_who_is_refused_may_come_again_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) { /* no ACK has come yet */
        int fd = client_shake(&ring, "");
        ring_expect(&ring, &ring.router, "BATCH");
        refuse_with(i, 403, "");
        expect_answer(fd, "HTTP/1.1 403 ");
        close(fd);
    }
}

static void test_pages_of_all_origins_may_come(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "Origin: https://any.example\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    close(fd);
}

static void test_pages_of_other_origins_may_not_come(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "Origin: https://any.example\r\n");
    expect_answer(fd, "HTTP/1.1 403 ");
    close(fd);
    fd = client_shake(&ring, "Origin: https://app.example\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    close(fd);
}

/* ---- who only connects ---- */

static void test_the_oldest_of_an_address_makes_room(void **state)
{
    int fds[5];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = client_connect(&ring, i < 4 ? "GET / HTTP/1.1\r\nHost:" : "");
    for (size_t i = 0; i < 3; i++) {
        const char *answer = client_answer(&ring, fds[i]);
        assert_non_null(strstr(answer, "HTTP/1.1 503 "));
        assert_non_null(strstr(answer, "Retry-After: "));
        close(fds[i]);
    }
    assert_int_equal(ring.edge->client_count, 2);
    close(fds[3]);
    close(fds[4]);
    while (ring.edge->client_count > 0)
        ring_turn(&ring);
    assert_int_equal(ring.edge->neighbours.by_key.count, 0);
}

/* Before it goes the oldest is read: a handshake that has come is decided upon. */
static void test_who_has_said_all_is_not_evicted(void **state)
{
    int fds[5];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    ring_expect(&ring, &ring.router, "BATCH #1");
    for (size_t i = 2; i < ARRAY_LENGTH(fds); i++)
        expect_answer(fds[i], "HTTP/1.1 429 ");
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        close(fds[i]);
}

static void test_those_without_a_handshake_are_bounded_in_all(void **state)
{
    enum { SHARE = 10 };
    int fds[3 * SHARE];
    (void)state;
    ring.edge->sockets.share = SHARE; /* as if there were no more descriptors */
    int first = client_open(&ring, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        fds[i] = client_connect(&ring, "");
        ring_turn(&ring);
    }
    while (ring.edge->client_count + ring.edge->lingering_count > SHARE - 1)
        ring_turn(&ring);
    for (size_t i = 0; i < ARRAY_LENGTH(fds) - (SHARE - 1); i++)
        expect_answer(fds[i], "HTTP/1.1 503 ");
    int last = client_open(&ring, 1);
    assert_int_equal(ring.edge->in_stage[STAGE_OPEN], 2);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        close(fds[i]);
    close(first);
    close(last);
}

/* Who lingers has had its answer, and goes before those who wait for theirs. */
static void test_those_who_linger_go_first(void **state)
{
    (void)state;
    ring.edge->sockets.share = 2;
    int refused = client_connect(&ring, "rubbish\r\n\r\n");
    expect_answer(refused, "HTTP/1.1 400 ");
    assert_int_equal(ring.edge->lingering_count, 1); /* until it ends its side */
    int first = client_connect(&ring, "GET");
    while (ring.edge->client_count < 1)
        ring_turn(&ring);
    int second = client_connect(&ring, "GET");
    while (ring.edge->client_count < 2)
        ring_turn(&ring);
    assert_int_equal(ring.edge->lingering_count, 0);
    close(refused);
    close(first);
    close(second);
}

static void test_addresses_behind_proxies(void **state)
{
    (void)state;
    int fd = client_connect(&ring, "PROXY TCP4 203.0.113.9 192.0.2.1 1000 80\r\n"
                                   "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                   "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                   "X-Forwarded-For: 198.51.100.7\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ring_expect(&ring, &ring.router, "BATCH #0");
    struct connection *connection = connection_find(ring.edge, ring_id(&ring, 0));
    /* The header's sender is not trusted, so it is the client. */
    assert_non_null(strstr(connection->metadata, "\"ip\":\"203.0.113.9\""));
    close(fd);
    fd = client_connect(&ring, "GET / HTTP/1.1\r\n");
    expect_answer(fd, "HTTP/1.1 400 ");
    close(fd);
}

static void test_polls(void **state)
{
    (void)state;
    int fd = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0");
    const struct record_command_body poll = {
        .type = COMMAND_POLL_FOR_CONNECTION, .target = ring_id(&ring, 0), .timeout_ms = 5000};
    const struct record_command_body unknown = {.type = COMMAND_POLL_FOR_CONNECTION,
                                                .target = span_text("nobody")};
    ring_command(&ring, &poll);
    ring_expect(&ring, &ring.control, "RECEIPT 1-1");
    ring_command(&ring, &unknown);
    ring_expect(&ring, &ring.control, "POLLED 2 gone");
    const struct record_command_body accept = {.type = COMMAND_ACCEPT, .target = ring_id(&ring, 0)};
    ring_answer(&ring, 0, 0, &accept);
    ring_expect(&ring, &ring.control, "POLLED 1 open");
    ring_command(&ring, &poll);
    ring_expect(&ring, &ring.control, "POLLED 4 open");
    close(fd);
    int other = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #1");
    const struct record_command_body second = {.type = COMMAND_POLL_FOR_CONNECTION,
                                               .target = ring_id(&ring, 1)};
    ring_command(&ring, &second);
    ring_expect(&ring, &ring.control, "RECEIPT 5-5");
    close(other);
    ring_expect(&ring, &ring.control, "POLLED 5 gone");
}

static const char *hurried[] = {"ACCEPT_TIMEOUT=1500ms", "HANDSHAKE_TIMEOUT=200ms", NULL};
static const char *small[] = {"MAX_CONNECTIONS=1", "MAX_PENDING=1", NULL};
static const char *few[] = {"MAX_PENDING=1", NULL};
static const char *lonely[] = {"MAX_CONNECTIONS_PER_ADDRESS=1", NULL};
static const char *paired[] = {"MAX_CONNECTIONS_PER_ADDRESS=2", NULL};
static const char *proxied[] = {"PROXY_PROTOCOL=on", "TRUSTED_PROXIES=127.0.0.0/8", NULL};
static const char *blank_origins[] = {"ALLOWED_ORIGINS= ", NULL};
static const char *one_origin[] = {"ALLOWED_ORIGINS= https://app.example ", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_accepted_with_everything_the_backend_chose, NULL),
        RING_TEST(test_unknown_subprotocol_is_dropped, NULL),
        RING_TEST(test_commands_behind_accept_take_effect_in_order, NULL),
        RING_TEST(test_frames_behind_the_handshake_are_kept, NULL),
        RING_TEST(test_commands_from_elsewhere_do_not_touch_a_pending_one, NULL),
        RING_TEST(test_refused_and_forgotten_without_a_close, NULL),
        RING_TEST(test_the_routers_verdict_is_the_answer, NULL),
        RING_TEST(test_a_client_that_gives_up_leaves_a_tombstone, NULL),
        RING_TEST(test_a_client_that_gives_up_and_was_accepted_is_closed, NULL),
        RING_TEST(test_too_slow_a_backend, hurried),
        RING_TEST(test_requests_answered_at_once, NULL),
        RING_TEST(test_slow_handshake, hurried),
        RING_TEST(test_full, small),
        RING_TEST(test_full, few),
        RING_TEST(test_who_hangs_up_is_counted_until_the_backend_has_answered, few),
        RING_TEST(test_who_hangs_up_is_counted_until_the_backend_has_answered, lonely),
        RING_TEST(test_who_is_refused_may_come_again_at_once, lonely),
        RING_TEST(test_pages_of_all_origins_may_come, NULL),
        RING_TEST(test_pages_of_all_origins_may_come, blank_origins),
        RING_TEST(test_pages_of_other_origins_may_not_come, one_origin),
        RING_TEST(test_the_oldest_of_an_address_makes_room, paired),
        RING_TEST(test_who_has_said_all_is_not_evicted, paired),
        RING_TEST(test_those_without_a_handshake_are_bounded_in_all, NULL),
        RING_TEST(test_those_who_linger_go_first, NULL),
        RING_TEST(test_addresses_behind_proxies, proxied),
        RING_TEST(test_polls, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
