#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/http_internal.h"
#include "common/text/json.h"
#include "tests/unit/process/http_client.h"

enum { BODY_LIMIT = 100000, HELD_MAX = 8 };

static struct loop *loop;
static struct http_server *server;
static struct buffer answer;
static uint16_t port;

/* What the handler saw and holds. */
static struct http_request *held[HELD_MAX];
static size_t held_count, gone_count;
static bool drained;

static void answer_text(struct http_request *request, unsigned int status, struct span body)
{
    const struct http_header headers[] = {{"Retry-After", "7"}, {"X-Odd", "a\r\nSet-Cookie: b"}};
    const struct http_answer text = {
        .status = status,
        .content_type = "text/plain",
        .body = body,
        .headers = headers,
        .header_count = 2,
    };
    http_request_answer(request, &text);
}

static void describe(struct http_request *request)
{
    struct buffer text = {0};
    struct span after = span_text("none");
    const struct http_target *target = http_request_target(request);
    (void)http_target_parameter(target, "after", &after);
    buffer_append_format(&text, "%.*s %.*s segments=%zu after=%.*s x=%.*s client=%s body=%zu",
                         SPAN_ARGS(http_request_method(request)), SPAN_ARGS(target->path),
                         target->segment_count, SPAN_ARGS(after),
                         SPAN_ARGS(http_request_header(request, "x-test")),
                         http_request_client(request), http_request_body(request).length);
    answer_text(request, 200, buffer_span(&text));
    buffer_fini(&text);
}

static void on_request(void *context, struct http_request *request)
{
    assert_ptr_equal(context, &held);
    struct span path = http_request_target(request)->path;
    if (span_is(path, "/hold")) {
        assert_true(held_count < HELD_MAX);
        assert_null(http_request_context(request));
        http_request_set_context(request, &held[held_count]);
        held[held_count++] = request;
    } else if (span_is(path, "/echo")) {
        answer_text(request, 200, http_request_body(request));
    } else if (span_is(path, "/problem")) {
        http_request_answer_problem(request, 422, "/problems/odd", "It is \"odd\".",
                                    span_text("\xff\n"));
    } else {
        describe(request);
    }
}

static void on_gone(void *context, struct http_request *request)
{
    (void)context;
    struct http_request **place = http_request_context(request);
    assert_ptr_equal(*place, request);
    *place = NULL;
    gone_count++;
}

static void on_drained(void *context)
{
    assert_ptr_equal(context, &held);
    assert_false(drained);
    drained = true;
}

static char localhost[] = "127.0.0.1";

static void open_server(int64_t timeout_ms, unsigned int connections)
{
    const struct address address = {.host = localhost};
    const struct http_handler handler = {.on_request = on_request, .on_gone = on_gone};
    const struct http_limits limits = {
        .body_bytes = BODY_LIMIT,
        .header_bytes = 4096,
        .timeout_ms = timeout_ms,
        .connections = connections,
    };
    assert_int_equal(http_server_open(loop, &address, &handler, &held, &limits, &server), 0);
    port = http_server_port(server);
}

static int set_up(void **state)
{
    (void)state;
    held_count = gone_count = 0;
    drained = false;
    loop = loop_new(0, NULL, NULL);
    open_server(20000, 100);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_close(&server);
    assert_null(server);
    http_server_close(&server);
    loop_destroy(&loop);
    buffer_fini(&answer);
    return 0;
}

static int ask(const char *request)
{
    return client_exchange(loop, port, request, &answer);
}

static void test_request(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /a/b%2Fc?after=%41+ HTTP/1.1\r\nHost: h\r\nX-Test: yes\r\n\r\n"),
                     200);
    assert_span(client_body(&answer),
                "GET /a/b%2Fc segments=2 after=A  x=yes client=127.0.0.1 body=0");
    assert_span(client_header(&answer, "Content-Type"), "text/plain");
    assert_span(client_header(&answer, "Retry-After"), "7");
    assert_null(client_header(&answer, "Set-Cookie").data);
    assert_null(client_header(&answer, "X-Odd").data);
    assert_int_equal(ask("DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_true(span_starts_with(client_body(&answer), span_text("DELETE /x segments=1")));
}

static void test_head_is_get_without_body(void **state)
{
    (void)state;
    int fd = client_connect(port);
    static const char requests[] = "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < 2; i++) { /* a body would be read as the second answer */
        assert_true(client_send(loop, fd, requests, strlen(requests)));
        assert_int_equal(client_receive(loop, fd, true, &answer), 200);
        assert_int_equal(client_body(&answer).length, 0);
    }
    close(fd);
    assert_int_equal(ask("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    uint64_t length;
    assert_int_equal(span_to_u64(client_header(&answer, "Content-Length"), 1000, &length), 0);
    assert_true(length > 0);
}

static void test_body_and_keep_alive(void **state)
{
    (void)state;
    int fd = client_connect(port);
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for (int i = 0; i < 3; i++) {
        assert_true(client_send(loop, fd, request, strlen(request)));
        assert_int_equal(client_receive(loop, fd, false, &answer), 200);
        assert_span(client_body(&answer), "hello");
    }
    close(fd);
}

static void test_body_byte_by_byte(void **state)
{
    (void)state;
    int fd = client_connect(port);
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t i = 0; i < strlen(request); i++)
        assert_true(client_send(loop, fd, request + i, 1));
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_span(client_body(&answer), "hello");
    close(fd);
}

static void test_chunked_body(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
                     200);
    assert_span(client_body(&answer), "abcde");
}

static void test_pipelined(void **state)
{
    (void)state;
    int fd = client_connect(port);
    static const char requests[] =
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n"
        "Connection: close\r\n\r\n";
    assert_true(client_send(loop, fd, requests, strlen(requests)));
    buffer_clear(&answer);
    char text[4096];
    for (ssize_t got; (got = recv(fd, text, sizeof(text), 0)) != 0;) {
        if (got > 0)
            buffer_append(&answer, text, (size_t)got);
        loop_turn(loop, 5);
    }
    buffer_append_byte(&answer, '\0');
    const char *first = strstr(answer.data, "GET /1 "), *second = strstr(answer.data, "GET /2 ");
    assert_true(first && second && first < second);
    close(fd);
}

/* Exactly the limit is taken, and a large answer comes back whole. */
static void test_body_at_the_limit(void **state)
{
    (void)state;
    static char body[BODY_LIMIT];
    memset(body, 'b', sizeof(body));
    int fd = client_connect(port);
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
    assert_true(client_send(loop, fd, head, strlen(head)));
    assert_true(client_send(loop, fd, body, sizeof(body)));
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_true(span_equal(client_body(&answer), span_of(body, sizeof(body))));
    close(fd);
}

/* Refused at once by its announced length. The client, which sends all the same, finds the answer
 * and no reset. */
static void test_body_over_the_limit(void **state)
{
    (void)state;
    static char body[10 * BODY_LIMIT];
    int fd = client_connect(port);
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n";
    assert_true(client_send(loop, fd, head, strlen(head)));
    for (int i = 0; i < 20; i++)
        assert_true(client_send(loop, fd, body, sizeof(body)));
    assert_int_equal(client_receive(loop, fd, false, &answer), 413);
    assert_span(client_header(&answer, "Content-Type"), "application/problem+json");
    assert_true(json_is_valid(client_body(&answer)));
    close(fd);
    assert_int_equal(ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n"
                         "Expect: 100-continue\r\n\r\n"),
                     413);
    assert_int_equal(ask("POST /echo HTTP/1.1\r\nHost: h\r\n"
                         "Content-Length: 18446744073709551614\r\n\r\n"),
                     413);
}

static void test_chunked_body_over_the_limit(void **state)
{
    (void)state;
    static char chunk[0x10000];
    memset(chunk, 'c', sizeof(chunk));
    int fd = client_connect(port);
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_true(client_send(loop, fd, head, strlen(head)));
    for (int i = 0; i < 20; i++) {
        assert_true(client_send(loop, fd, "10000\r\n", 7));
        assert_true(client_send(loop, fd, chunk, sizeof(chunk)));
        assert_true(client_send(loop, fd, "\r\n", 2));
    }
    assert_int_equal(client_receive(loop, fd, false, &answer), 413);
    assert_true(json_is_valid(client_body(&answer)));
    close(fd);
    assert_int_equal(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
}

static void test_refused_by_the_server_itself(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_span(client_header(&answer, "Content-Type"), "application/problem+json");
    assert_int_equal(ask("POST /%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"), 400);
    assert_int_equal(ask("GET / HTTP/1.1\r\n\r\n"), 400); /* no Host, RFC 9112 §3.2 */
    assert_int_equal(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"), 400);
    struct buffer flood = {0};
    buffer_append_text(&flood, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 2000; i++)
        buffer_append_format(&flood, "X-%d: %d\r\n", i, i);
    buffer_append_text(&flood, "\r\n");
    char *text = buffer_take(&flood);
    assert_int_equal(ask(text), 431);
    free(text);
    (void)ask("garbage\r\n\r\n");
    (void)ask("\x16\x03\x01\x02\r\n\r\n");
    assert_int_equal(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_int_equal(held_count, 0);
}

/* Who has sent all that it said it would is not waited for once it is answered. */
static void test_only_an_unread_body_is_waited_for(void **state)
{
    static const struct {
        const char *request;
        size_t lingering;
    } cases[] = {
        {"GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 0},
        {"POST /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 0},
        {"POST /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\n", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int fd = client_connect(port);
        assert_true(client_send(loop, fd, cases[i].request, strlen(cases[i].request)));
        assert_int_equal(client_receive(loop, fd, false, &answer), 400);
        client_wait_for_end(loop, fd);
        while (!list_is_empty(&server->connections))
            loop_turn(loop, 5);
        if (server->lingering.count != cases[i].lingering)
            fail_msg("%zu connections linger after: %s", server->lingering.count, cases[i].request);
        close(fd);
    }
}

static void test_problem(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /problem HTTP/1.1\r\nHost: h\r\n\r\n"), 422);
    assert_span(client_header(&answer, "Content-Type"), "application/problem+json");
    assert_span(client_body(&answer),
                "{\"type\":\"/problems/odd\",\"title\":\"It is \\\"odd\\\".\","
                "\"status\":422,\"detail\":\"\xc3\xbf\\n\"}");
}

/* Connects, asks for /hold, and turns until the handler has it. */
static int hold(void)
{
    static const char request[] = "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    size_t before = held_count;
    int fd = client_connect(port);
    assert_true(client_send(loop, fd, request, strlen(request)));
    while (held_count == before)
        loop_turn(loop, 5);
    return fd;
}

static void test_answer_in_a_later_turn(void **state)
{
    (void)state;
    int first = hold(), second = hold();
    assert_int_equal(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
                     200); /* others are served meanwhile */
    assert_span(http_request_body(held[0]), "hi");
    answer_text(held[1], 201, span_text("second"));
    assert_int_equal(client_receive(loop, second, false, &answer), 201);
    assert_span(client_body(&answer), "second");
    answer_text(held[0], 202, span_text("first"));
    assert_int_equal(client_receive(loop, first, false, &answer), 202);
    assert_int_equal(gone_count, 0);
    static const char again[] = "GET /again HTTP/1.1\r\nHost: h\r\n\r\n"; /* kept alive */
    assert_true(client_send(loop, first, again, strlen(again)));
    assert_int_equal(client_receive(loop, first, false, &answer), 200);
    close(first);
    close(second);
}

static void test_client_leaves_before_the_answer(void **state)
{
    (void)state;
    int polite = hold(), rude = hold(), patient = hold();
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    close(polite);
    setsockopt(rude, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(rude);
    while (gone_count < 2)
        loop_turn(loop, 5);
    assert_null(held[0]);
    assert_null(held[1]);
    answer_text(held[2], 200, span_text("still here"));
    assert_int_equal(client_receive(loop, patient, false, &answer), 200);
    assert_int_equal(gone_count, 2);
    close(patient);
}

/* The client leaves after its answer was given, in the same turn: nobody is told. */
static void test_client_leaves_as_it_is_answered(void **state)
{
    (void)state;
    int fd = hold();
    close(fd);
    answer_text(held[0], 200, span_text("too late"));
    for (int i = 0; i < 10; i++)
        loop_turn(loop, 1);
    assert_int_equal(gone_count, 0);
}

static void test_close_tells_who_waits(void **state)
{
    (void)state;
    int first = hold(), second = hold();
    http_server_close(&server);
    assert_int_equal(gone_count, 2);
    client_wait_for_end(loop, first);
    client_wait_for_end(loop, second);
    close(first);
    close(second);
}

static void test_drain(void **state)
{
    (void)state;
    int idle = client_connect(port), busy = hold(), half = client_connect(port);
    assert_true(client_send(loop, half, "GET / HT", 8));
    assert_int_equal(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    http_server_drain(server, on_drained);
    client_wait_for_end(loop, idle);
    client_wait_for_end(loop, half);
    assert_false(drained);
    answer_text(held[0], 200, span_text("last"));
    assert_int_equal(client_receive(loop, busy, false, &answer), 200);
    assert_span(client_body(&answer), "last");
    assert_span(client_header(&answer, "Connection"), "close");
    client_wait_for_end(loop, busy);
    while (!drained)
        loop_turn(loop, 5);
    struct address same = {.host = localhost, .port = port};
    const struct http_handler handler = {.on_request = on_request};
    const struct http_limits limits = {1000, 4096, 1000, 10, NULL};
    struct http_server *next; /* the port is free again */
    assert_int_equal(http_server_open(loop, &same, &handler, &held, &limits, &next), 0);
    http_server_close(&next);
    close(idle);
    close(busy);
    close(half);
}

static void test_drain_of_an_idle_server(void **state)
{
    (void)state;
    http_server_drain(server, on_drained);
    while (!drained)
        loop_turn(loop, 5);
}

static void test_port_taken(void **state)
{
    (void)state;
    struct address same = {.host = localhost, .port = port};
    const struct http_handler handler = {.on_request = on_request};
    const struct http_limits limits = {1000, 4096, 1000, 10, NULL};
    struct http_server *second = NULL;
    assert_int_equal(http_server_open(loop, &same, &handler, NULL, &limits, &second), -EADDRINUSE);
    assert_null(second);
}

/* Sends byte by byte until the server cuts. */
static void dawdle(int fd)
{
    int64_t start_ms = loop_now_ms(loop);
    while (client_send(loop, fd, "G", 1) && loop_now_ms(loop) < start_ms + 30000)
        loop_turn(loop, 20);
    assert_in_range(loop_now_ms(loop) - start_ms, 900, 29000);
}

/* A client that dawdles is cut as well as one that is silent, in its second request too. */
static void test_timeout(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    http_server_close(&server);
    open_server(1000, 100);
    int silent = client_connect(port), slow = client_connect(port), waiting = hold();
    dawdle(slow);
    int second = client_connect(port);
    assert_true(client_send(loop, second, request, strlen(request)));
    assert_int_equal(client_receive(loop, second, false, &answer), 200);
    dawdle(second);
    close(second);
    client_wait_for_end(loop, silent);
    assert_int_equal(gone_count, 0); /* a request that waits for its answer is not timed */
    answer_text(held[0], 200, span_text("in the end"));
    assert_int_equal(client_receive(loop, waiting, false, &answer), 200);
    close(silent);
    close(slow);
    close(waiting);
}

static void test_connection_limit(void **state)
{
    (void)state;
    http_server_close(&server);
    open_server(20000, 2);
    int first = hold(), second = hold(), third = client_connect(port);
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_true(client_send(loop, third, request, strlen(request)));
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 1);
    char byte;
    assert_int_equal(recv(third, &byte, 1, 0), -1); /* not served, not refused */
    assert_int_equal(errno, EAGAIN);
    close(first);
    assert_int_equal(client_receive(loop, third, false, &answer), 200);
    close(second);
    close(third);
}

/* Twenty clients at once, several requests each. */
static void test_many_clients(void **state)
{
    (void)state;
    int fds[20];
    static const char request[] = "GET /many HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < 20; i++)
        fds[i] = client_connect(port);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 20; i++)
            assert_true(client_send(loop, fds[i], request, strlen(request)));
        for (int i = 0; i < 20; i++)
            assert_int_equal(client_receive(loop, fds[i], false, &answer), 200);
    }
    for (int i = 0; i < 20; i++)
        close(fds[i]);
}

#define SERVER_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(test_request),
        SERVER_TEST(test_head_is_get_without_body),
        SERVER_TEST(test_body_and_keep_alive),
        SERVER_TEST(test_body_byte_by_byte),
        SERVER_TEST(test_chunked_body),
        SERVER_TEST(test_pipelined),
        SERVER_TEST(test_body_at_the_limit),
        SERVER_TEST(test_body_over_the_limit),
        SERVER_TEST(test_chunked_body_over_the_limit),
        SERVER_TEST(test_refused_by_the_server_itself),
        SERVER_TEST(test_only_an_unread_body_is_waited_for),
        SERVER_TEST(test_problem),
        SERVER_TEST(test_answer_in_a_later_turn),
        SERVER_TEST(test_client_leaves_before_the_answer),
        SERVER_TEST(test_client_leaves_as_it_is_answered),
        SERVER_TEST(test_close_tells_who_waits),
        SERVER_TEST(test_drain),
        SERVER_TEST(test_drain_of_an_idle_server),
        SERVER_TEST(test_port_taken),
        SERVER_TEST(test_timeout),
        SERVER_TEST(test_connection_limit),
        SERVER_TEST(test_many_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
