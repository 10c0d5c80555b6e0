#include "webhook-worker/http/client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/unit/unit.h"
#include "tests/unit/webhook-worker/backend.h"
#include "webhook-worker/http/curl.h"
#include "webhook-worker/http/plain.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

enum { ANSWER_LIMIT = 1000, TIMEOUT_MS = 20000, PATIENCE_MS = 30000 };

/* What is told here is true of both kinds; libcurl's is asked for http:// as well. */
static struct http_client *(*open_kind)(struct loop *loop, const struct transfer_settings *settings,
                                        size_t concurrency, struct http_client_handler handler);

/* The last result, copied: it is valid during the call only. */
struct world {
    struct loop *loop;
    struct backend backend;
    struct http_client *client;
    size_t done;
    struct transfer_result result;
    char body[2048];
    char error[512];
    void *owner;
};

static void on_done(void *context, void *owner, const struct transfer_result *result)
{
    struct world *world = context;
    world->done++;
    world->owner = owner;
    world->result = *result;
    snprintf(world->body, sizeof(world->body), "%.*s", SPAN_ARGS(result->body));
    snprintf(world->error, sizeof(world->error), "%s", result->error);
}

static void open_client(struct world *world, const char *url, size_t concurrency)
{
    struct transfer_settings settings = {
        .url = url,
        .connect_timeout_ms = TIMEOUT_MS,
        .answer_limit_bytes = ANSWER_LIMIT,
        .verifies_tls = true,
    };
    struct http_client_handler handler = {.on_done = on_done, .context = world};
    http_client_destroy(&world->client);
    world->client = open_kind(world->loop, &settings, concurrency, handler);
    assert_non_null(world->client);
}

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->loop = loop_new(0, NULL, NULL);
    backend_init(&world->backend, world->loop);
    open_client(world, world->backend.url, 4);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    http_client_destroy(&world->client);
    backend_fini(&world->backend);
    loop_destroy(&world->loop);
    free(world);
    return 0;
}

static struct transfer *post_within(struct world *world, int64_t timeout_ms)
{
    struct transfer_request request = {
        .body = span_text("{\"events\":[]}"),
        .key = "abc:1-2",
        .authorization = "Authorization: Bearer t.o.k",
        .authorization_generation = 1,
        .timeout_ms = timeout_ms,
    };
    return http_client_post(world->client, &request, world);
}

static struct transfer *post(struct world *world)
{
    return post_within(world, TIMEOUT_MS);
}

#define turn_until(world, condition)                             \
    do {                                                         \
        int64_t give_up_ms = clock_monotonic_ms() + PATIENCE_MS; \
        while (!(condition)) {                                   \
            assert_true(clock_monotonic_ms() < give_up_ms);      \
            loop_turn((world)->loop, 1000);                      \
        }                                                        \
    } while (0)

static void exchange(struct world *world)
{
    size_t before = world->done;
    (void)post(world);
    turn_until(world, world->done > before);
}

static void test_request_and_answer(void **state)
{
    struct world *world = *state;
    backend_answer_json(&world->backend, "{\"events\":[]}");
    exchange(world);
    const char *head = world->backend.last_head.data;
    assert_ptr_equal(strstr(head, "POST /hook?a=b HTTP/1.1\r\n"), head);
    assert_non_null(strstr(head, "\r\nAuthorization: Bearer t.o.k\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Type: application/websocket-events\r\n"));
    assert_non_null(strstr(head, "\r\nIdempotency-Key: abc:1-2\r\n"));
    assert_non_null(strstr(head, "\r\nUser-Agent: slip-sockets/" SLIP_VERSION "\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Length: 13\r\n"));
    assert_null(strcasestr(head, "\r\nExpect:"));
    assert_null(strcasestr(head, "\r\nAccept-Encoding:"));
    assert_span(buffer_span(&world->backend.last_body), "{\"events\":[]}");
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(world->result.label, LABEL_WEBHOOK_OK);
    assert_int_equal(world->result.status, 200);
    assert_int_equal(world->result.connects, 1);
    assert_string_equal(world->body, "{\"events\":[]}");
    assert_string_equal(world->error, "");
    assert_ptr_equal(world->owner, world);
    assert_true(world->result.duration_us > 0 && world->result.first_byte_us > 0);
    assert_int_equal(http_client_running(world->client), 0);
}

static void test_connection_is_kept(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    for (int i = 0; i < 20; i++)
        exchange(world);
    assert_int_equal(world->backend.requests, 20);
    assert_int_equal(world->backend.accepted, 1);
    assert_int_equal(world->result.connects, 0);
}

/* The loop keeps an idle connection registered: its end must neither spin nor fail the next one. */
static void test_server_closes_idle_connection(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    for (int i = 0; i < 3; i++) {
        exchange(world);
        backend_cut(&world->backend);
        loop_turn(world->loop, 0);
        int64_t before_us = clock_monotonic_us();
        loop_turn(world->loop, 30);
        assert_true(clock_monotonic_us() - before_us >= 20000);
    }
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(world->backend.accepted, 4);
}

static void test_server_closes_after_each(void **state)
{
    struct world *world = *state;
    world->backend.closes_after = true;
    backend_answer(&world->backend, OK_ANSWER);
    for (int i = 0; i < 10; i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
    }
    assert_true(http_client_sockets(world->client) <= 2);
}

/* What the backend said with its refusal is told, in one line and as UTF-8. */
static void test_words(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"\r\n \t", ""},
        {"no such room", "no such room"},
        {"\n<h1>\tOops\r\n\r\n</h1> \x7f\n", "<h1> Oops </h1>"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xff"
         "a\xc3"
         "b",
         "?a?b"},
    };
    struct world *world = *state;
    char answer[1024];
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(answer, sizeof(answer), "HTTP/1.1 400 B\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(cases[i][0]), cases[i][0]);
        backend_answer(&world->backend, answer);
        exchange(world);
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_STATUS);
        assert_string_equal(world->error, cases[i][1]);
    }
    snprintf(answer, sizeof(answer), "HTTP/1.1 400 B\r\nContent-Length: 600\r\n\r\n%0600d", 0);
    backend_answer(&world->backend, answer);
    exchange(world);
    exchange(world);
    assert_int_equal(strlen(world->error), TRANSFER_WORDS_SIZE - 2);
}

static void expect_status(struct world *world, const char *answer, unsigned status,
                          enum metric_label_webhook label, int64_t retry_after_ms)
{
    backend_answer(&world->backend, answer);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_STATUS);
    assert_int_equal(world->result.status, status);
    assert_int_equal(world->result.label, label);
    assert_int_equal(world->result.retry_after_ms, retry_after_ms);
    backend_fini(&world->backend);
    backend_init(&world->backend, world->loop);
    open_client(world, world->backend.url, 4);
}

static void test_statuses(void **state)
{
    struct world *world = *state;
    expect_status(world, "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nno!", 500,
                  LABEL_WEBHOOK_SERVER_ERROR, 0);
    expect_status(world, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 503,
                  LABEL_WEBHOOK_BUSY, 7000);
    expect_status(world, "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", 429,
                  LABEL_WEBHOOK_BUSY, 0);
    expect_status(world, "HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n", 404,
                  LABEL_WEBHOOK_CLIENT_ERROR, 0);
    /* Not followed. */
    expect_status(world, "HTTP/1.1 302 F\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 302,
                  LABEL_WEBHOOK_CLIENT_ERROR, 0);
    assert_string_equal(world->error, "redirects are not followed");
    /* The status counts though the body is cut. */
    world->backend.closes_after = true;
    expect_status(world, "HTTP/1.1 500 Oops\r\nContent-Length: 30\r\n\r\nno!", 500,
                  LABEL_WEBHOOK_SERVER_ERROR, 0);
}

static int64_t retry_after_of(struct world *world, const char *value)
{
    char answer[256];
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", value);
    backend_answer(&world->backend, answer);
    exchange(world);
    exchange(world); /* the one before may have been said once more */
    return world->result.retry_after_ms;
}

static int64_t retry_after_date(struct world *world, time_t distance)
{
    char date[64];
    time_t then = time(NULL) + distance;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&then));
    return retry_after_of(world, date);
}

/* Within what a router would wait, whatever the backend says. */
static void test_retry_after(void **state)
{
    const int64_t day_ms = (int64_t)24 * 3600 * 1000;
    struct world *world = *state;
    assert_in_range(retry_after_date(world, 3600), 3590 * 1000, 3600 * 1000);
    assert_int_equal(retry_after_date(world, (time_t)10 * 24 * 3600), day_ms);
    assert_int_equal(retry_after_date(world, -60), 0);
    assert_int_equal(retry_after_of(world, "86400"), day_ms);
    assert_int_equal(retry_after_of(world, "100000000"), day_ms);
    assert_int_equal(retry_after_of(world, "9223372036854775807"), day_ms);
    assert_int_equal(retry_after_of(world, "-5"), 0);
    assert_int_equal(retry_after_of(world, "soon"), 0);
}

static void test_empty_answers(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, "HTTP/1.1 204 No Content\r\n\r\n");
    backend_answer(&world->backend, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
        assert_int_equal(world->result.body.length, 0);
    }
    assert_int_equal(world->result.status, 200);
}

static void test_answer_too_large(void **state)
{
    struct world *world = *state;
    char answer[2 * ANSWER_LIMIT + 200];
    int length =
        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%*s",
                 ANSWER_LIMIT + 1, ANSWER_LIMIT + 1, "x");
    assert_true(length > 0 && (size_t)length < sizeof(answer));
    backend_answer(&world->backend, answer);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_INVALID_ANSWER);
    assert_int_equal(world->result.label, LABEL_WEBHOOK_TOO_BIG);
    assert_string_equal(world->error, "the answer is too large");
}

static void test_answer_at_the_limit(void **state)
{
    struct world *world = *state;
    char answer[2 * ANSWER_LIMIT];
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%*s",
             ANSWER_LIMIT, ANSWER_LIMIT, "x");
    backend_answer(&world->backend, answer);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(strlen(world->body), ANSWER_LIMIT);
}

/* A body or a header that never ends is cut by bytes, long before the time is up. */
static void flood(struct world *world, const char *start, const char *more)
{
    size_t before = world->done;
    (void)post(world);
    turn_until(world, world->backend.waiting == 1);
    backend_say(&world->backend, start);
    while (world->done == before) {
        backend_say(&world->backend, more);
        loop_turn(world->loop, 0);
    }
    assert_int_equal(world->result.outcome, JOB_INVALID_ANSWER);
    backend_cut(&world->backend);
}

static void test_endless_answers(void **state)
{
    struct world *world = *state;
    flood(world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nabcd\r\n");
    flood(world, "HTTP/1.1 200 OK\r\n",
          "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
}

static void test_not_sent(void **state)
{
    struct world *world = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    char url[64];
    /* Bound, not listening: nobody else gets the port, and nobody answers there. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
    open_client(world, url, 4);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_NOT_SENT);
    assert_int_equal(world->result.label, LABEL_WEBHOOK_CONNECT);
    assert_int_equal(world->result.status, 0);
    assert_true(strlen(world->error) > 0);
    close(fd);
}

static void test_broken_off(void **state)
{
    struct world *world = *state;
    world->backend.closes_after = true;
    backend_answer(&world->backend, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}");
    backend_answer(&world->backend, "");
    for (int i = 0; i < 2; i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_BROKEN);
        assert_int_equal(world->result.label, LABEL_WEBHOOK_BROKEN);
    }
}

static void test_timed_out(void **state)
{
    struct world *world = *state;
    (void)post_within(world, 50);
    turn_until(world, world->done == 1);
    assert_int_equal(world->result.outcome, JOB_TIMED_OUT);
    assert_int_equal(world->result.label, LABEL_WEBHOOK_TIMEOUT);
    assert_int_equal(world->backend.requests, 1);
}

static void test_not_http(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, "SSH-2.0-OpenSSH_9.2\r\n");
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_BROKEN);
}

/* More than one pool, and no more connections than transfers. */
static void test_many_at_once(void **state)
{
    struct world *world = *state;
    enum { MANY = 2 * HTTP_POOL_TRANSFERS + 3 };
    open_client(world, world->backend.url, MANY);
    for (int round = 0; round < 3; round++) {
        size_t before = world->done;
        for (int i = 0; i < MANY; i++)
            (void)post(world);
        assert_false(http_client_has_room(world->client));
        if (round == 0) {
            turn_until(world, world->backend.waiting == MANY);
            backend_answer(&world->backend, OK_ANSWER);
        }
        turn_until(world, world->done == before + MANY);
        assert_true(http_client_has_room(world->client));
    }
    assert_int_equal(world->backend.requests, 3 * MANY);
    assert_true(world->backend.accepted <= MANY + HTTP_POOL_TRANSFERS);
}

static void test_cancel(void **state)
{
    struct world *world = *state;
    struct transfer *first = post(world);
    (void)post(world);
    turn_until(world, world->backend.waiting == 2);
    http_client_cancel(world->client, first);
    assert_int_equal(http_client_running(world->client), 1);
    turn_until(world, world->backend.waiting == 1);
    backend_answer(&world->backend, OK_ANSWER);
    turn_until(world, world->done == 1);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
}

static void test_destroy_while_running(void **state)
{
    struct world *world = *state;
    (void)post(world);
    turn_until(world, world->backend.waiting == 1);
    http_client_destroy(&world->client);
    turn_until(world, world->backend.waiting == 0);
    assert_int_equal(world->done, 0);
}

/* ---- what a server may do besides ---- */

/* The answer comes byte by byte. */
static void say_slowly(struct world *world, const char *text)
{
    size_t before = world->done;
    (void)post(world);
    turn_until(world, world->backend.waiting == 1);
    for (; *text && world->done == before; text++) {
        char byte[] = {*text, '\0'};
        backend_say(&world->backend, byte);
        loop_turn(world->loop, 0);
    }
    turn_until(world, world->done > before);
    assert_int_equal(*text, '\0');
}

static void test_byte_by_byte(void **state)
{
    struct world *world = *state;
    say_slowly(world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_string_equal(world->body, "hello");
    backend_cut(&world->backend);
    say_slowly(world, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                      "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: y\r\n\r\n");
    assert_string_equal(world->body, "hello");
    assert_int_equal(world->result.status, 200);
    backend_cut(&world->backend);
    say_slowly(world, "HTTP/1.1 503 Busy\r\nretry-AFTER:  7 \r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(world->result.retry_after_ms, 7000);
    assert_int_equal(world->result.outcome, JOB_STATUS);
}

/* A backend that writes head and body one after the other, with Nagle's algorithm on, sends the
 * body when the head is acknowledged: which the kernel would put off by 40 ms. */
static void test_a_head_is_acknowledged_at_once(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    for (int i = 0; i < 40; i++)
        exchange(world);
    backend_forget_answers(&world->backend);
    for (int i = 0; i < 5; i++) {
        size_t before = world->done;
        (void)post(world);
        turn_until(world, world->backend.waiting == 1);
        backend_say(&world->backend, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        assert_true(backend_unacknowledged(&world->backend) > 0);
        loop_turn(world->loop, 1000);
        assert_int_equal(backend_unacknowledged(&world->backend), 0);
        backend_answer(&world->backend, "{}");
        backend_forget_answers(&world->backend);
        turn_until(world, world->done > before);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
    }
}

static void test_body_until_the_end(void **state)
{
    struct world *world = *state;
    world->backend.closes_after = true;
    backend_answer(&world->backend, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    backend_answer(&world->backend, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    for (int i = 0; i < 2; i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
        assert_string_equal(world->body, "until the end");
    }
}

/* ... but not until a reset. */
static void test_body_until_a_reset(void **state)
{
    struct world *world = *state;
    (void)post(world);
    turn_until(world, world->backend.waiting == 1);
    backend_say(&world->backend, "HTTP/1.1 200 OK\r\n\r\nuntil the");
    for (int i = 0; i < 3; i++)
        loop_turn(world->loop, 0);
    backend_reset(&world->backend);
    turn_until(world, world->done == 1);
    assert_int_equal(world->result.outcome, JOB_BROKEN);
    assert_true(strlen(world->error) > 0);
}

/* What their heads say about a body is void (RFC 9112 §6.3). */
static void test_without_a_body(void **state)
{
    struct world *world = *state;
    static const char *const answers[] = {
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        ("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" OK_ANSWER),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++)
        backend_answer(&world->backend, answers[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, i == 2 ? JOB_STATUS : JOB_DELIVERED);
    }
    assert_string_equal(world->body, "{}");
}

static void test_two_lengths(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    exchange(world);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_string_equal(world->body, "{}");
    if (open_kind == http_plain_new)
        assert_int_equal(world->backend.accepted, 2);
}

static void test_other_letters(void **state)
{
    struct world *world = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/h\xc3\xb6k%%20x?\xc3\xbc=%%41",
             world->backend.port);
    open_client(world, url, 4);
    backend_answer(&world->backend, OK_ANSWER);
    exchange(world);
    const char *head = world->backend.last_head.data;
    assert_ptr_equal(strstr(head, "POST /h%c3%b6k%20x?"), head);
    if (open_kind == http_plain_new) /* libcurl leaves the query as it is */
        assert_non_null(strstr(head, "?%c3%bc=%41 HTTP/1.1\r\n"));
}

static void test_server_says_close(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend,
                   "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
    backend_answer(&world->backend, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    backend_answer(&world->backend, OK_ANSWER);
    for (int i = 0; i < 4; i++) {
        exchange(world);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
    }
    assert_int_equal(world->backend.accepted, 3);
}

/* It was kept, and is closed as soon as the next request comes: nobody has looked at that. */
static void test_kept_connection_dies(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    backend_answer(&world->backend, "");
    backend_answer(&world->backend, OK_ANSWER);
    exchange(world);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(world->result.connects, 1);
    assert_int_equal(world->backend.requests, 3);
    assert_int_equal(world->backend.accepted, 2);
}

/* ... but not again and again, and not once the answer has begun. */
static void test_new_connection_dies(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    backend_answer(&world->backend, "");
    exchange(world);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_BROKEN);
    assert_int_equal(world->backend.requests, 3);
}

/* The request left, and may have been read: "not sent" would be a lie. */
static void test_kept_connection_dies_and_no_new_one(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    backend_answer(&world->backend, "");
    exchange(world);
    backend_refuse(&world->backend);
    exchange(world);
    assert_int_equal(world->backend.requests, 2);
    assert_int_equal(world->result.outcome, JOB_BROKEN);
}

/* A server that says goodbye to an idle connection just when a request comes. */
static void test_farewell(void **state)
{
    struct world *world = *state;
    static const char farewell[] =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (open_kind != http_plain_new)
        return; /* libcurl takes it for the answer */
    backend_answer(&world->backend, OK_ANSWER);
    backend_answer(&world->backend, farewell);
    backend_answer(&world->backend, OK_ANSWER);
    exchange(world);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(world->backend.accepted, 2);
    /* On a new connection it is the answer. */
    backend_cut(&world->backend);
    backend_answer(&world->backend, farewell);
    exchange(world);
    exchange(world);
    assert_int_equal(world->result.status, 408);
}

static void test_idle_connection_speaks(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER OK_ANSWER);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    assert_int_equal(world->backend.accepted, 2);
}

/* More than the sockets hold, to a backend that reads when it likes. */
static void test_large_request(void **state)
{
    struct world *world = *state;
    enum { LARGE = 20 << 20 };
    char *body = xmalloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)('a' + i % 23);
    struct transfer_request request = {
        .body = span_of(body, LARGE),
        .key = "abc:1-2",
        .authorization = "Authorization: Bearer t.o.k",
        .authorization_generation = 1,
        .timeout_ms = TIMEOUT_MS,
    };
    backend_answer(&world->backend, OK_ANSWER);
    for (size_t i = 1; i <= 2; i++) {
        (void)http_client_post(world->client, &request, world);
        turn_until(world, world->done == i);
        assert_int_equal(world->result.outcome, JOB_DELIVERED);
        assert_true(span_equal(buffer_span(&world->backend.last_body), request.body));
    }
    assert_int_equal(world->backend.accepted, 1);
    free(body);
}

static void test_new_token(void **state)
{
    struct world *world = *state;
    backend_answer(&world->backend, OK_ANSWER);
    exchange(world);
    struct transfer_request request = {
        .key = "abc:close",
        .authorization = "Authorization: Bearer n.e.w",
        .authorization_generation = 2,
        .timeout_ms = TIMEOUT_MS,
    };
    (void)http_client_post(world->client, &request, world);
    turn_until(world, world->done == 2);
    assert_non_null(strstr(world->backend.last_head.data, "\r\nAuthorization: Bearer n.e.w\r\n"));
    assert_non_null(strstr(world->backend.last_head.data, "\r\nIdempotency-Key: abc:close\r\n"));
    assert_non_null(strstr(world->backend.last_head.data, "\r\nContent-Length: 0\r\n"));
}

static void test_names_and_ports(void **state)
{
    struct world *world = *state;
    char url[128];
    char host[64];
    snprintf(url, sizeof(url), "http://user:word@localhost:%u?q=1#part", world->backend.port);
    snprintf(host, sizeof(host), "\r\nHost: localhost:%u\r\n", world->backend.port);
    open_client(world, url, 4);
    backend_answer(&world->backend, OK_ANSWER);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_DELIVERED);
    const char *head = world->backend.last_head.data;
    assert_ptr_equal(strstr(head, "POST /?q=1 HTTP/1.1\r\n"), head);
    assert_non_null(strstr(head, host));
    assert_null(strstr(head, "Basic"));
}

static void test_nobody_of_that_name(void **state)
{
    struct world *world = *state;
    open_client(world, "http://nobody.invalid/", 4);
    exchange(world);
    assert_int_equal(world->result.outcome, JOB_NOT_SENT);
    assert_true(strlen(world->error) > 0);
}

static void test_scheme_decides(void **state)
{
    const struct world *world = *state;
    struct transfer_settings settings = {.url = "https://127.0.0.1:1/", .connect_timeout_ms = 1};
    struct http_client_handler handler = {.on_done = on_done};
    assert_null(http_plain_new(world->loop, &settings, 1, handler));
    settings.url = "http://127.0.0.1:99999/"; /* libcurl says what is wrong with it */
    assert_null(http_plain_new(world->loop, &settings, 1, handler));
    settings.url = "HTTP://127.0.0.1:1/";
    struct http_client *client = http_plain_new(world->loop, &settings, 1, handler);
    assert_non_null(client);
    http_client_destroy(&client);
    settings.url = "https://127.0.0.1:1/";
    client = http_client_new(world->loop, &settings, 1, handler);
    assert_non_null(client);
    http_client_destroy(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_request_and_answer),
        TEST(test_connection_is_kept),
        TEST(test_server_closes_idle_connection),
        TEST(test_server_closes_after_each),
        TEST(test_words),
        TEST(test_statuses),
        TEST(test_retry_after),
        TEST(test_empty_answers),
        TEST(test_answer_too_large),
        TEST(test_answer_at_the_limit),
        TEST(test_endless_answers),
        TEST(test_not_sent),
        TEST(test_broken_off),
        TEST(test_timed_out),
        TEST(test_not_http),
        TEST(test_many_at_once),
        TEST(test_cancel),
        TEST(test_destroy_while_running),
        TEST(test_byte_by_byte),
        TEST(test_a_head_is_acknowledged_at_once),
        TEST(test_body_until_the_end),
        TEST(test_body_until_a_reset),
        TEST(test_without_a_body),
        TEST(test_two_lengths),
        TEST(test_other_letters),
        TEST(test_server_says_close),
        TEST(test_kept_connection_dies),
        TEST(test_new_connection_dies),
        TEST(test_kept_connection_dies_and_no_new_one),
        TEST(test_farewell),
        TEST(test_idle_connection_speaks),
        TEST(test_large_request),
        TEST(test_new_token),
        TEST(test_names_and_ports),
        TEST(test_nobody_of_that_name),
        TEST(test_scheme_decides),
    };
    open_kind = http_plain_new;
    int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);
    open_kind = http_curl_new;
    return failed + cmocka_run_group_tests_name("libcurl", tests, NULL, NULL);
}
