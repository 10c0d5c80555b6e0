/* Answers that go on. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/http_server.h"
#include "tests/unit/process/http_client.h"

enum { LIMIT_MS = 20000 };

static struct loop *loop;
static struct http_server *server;
static uint16_t port;
static struct buffer got;
static struct http_request *stream; /* that was begun */
static size_t gone_count;
static bool is_drained;

static void on_request(void *context, struct http_request *request)
{
    const struct http_answer answer = {
        .status = 200, .content_type = "text/plain", .body = span_text("begin\n")};

    (void)context;
    http_request_begin(request, &answer);
    if (span_is(http_request_target(request)->path, "/short")) {
        http_request_append(request, span_text("end\n"));
        http_request_end(request);
    } else {
        stream = request;
    }
}

static void on_gone(void *context, struct http_request *request)
{
    (void)context;
    assert_ptr_equal(request, stream);
    stream = NULL;
    gone_count++;
}

static void on_drained(void *context)
{
    (void)context;
    is_drained = true;
}

static int set_up(void **state)
{
    static char localhost[] = "127.0.0.1";
    const struct address address = {.host = localhost};
    const struct http_handler handler = {.on_request = on_request, .on_gone = on_gone};
    const struct http_limits limits = {
        .body_bytes = 1000, .header_bytes = 4096, .timeout_ms = 20000, .connections = 10};

    (void)state;
    gone_count = 0;
    stream = NULL;
    is_drained = false;
    loop = loop_new(0, NULL, NULL);
    assert_int_equal(http_server_open(loop, &address, &handler, NULL, &limits, &server), 0);
    port = http_server_port(server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_close(&server);
    loop_destroy(&loop);
    buffer_fini(&got);
    return 0;
}

#define until(condition)                                      \
    do {                                                      \
        int64_t give_up_ms = clock_monotonic_ms() + LIMIT_MS; \
        while (!(condition)) {                                \
            assert_true(clock_monotonic_ms() < give_up_ms);   \
            loop_turn(loop, 5);                               \
        }                                                     \
    } while (0)

static int ask(const char *request)
{
    int fd = client_connect(port);
    buffer_clear(&got);
    assert_true(client_send(loop, fd, request, strlen(request)));
    return fd;
}

/* true while the stream is open. */
static bool read_some(int fd)
{
    ssize_t count = recv(fd, buffer_reserve(&got, 65536), 65536, 0);
    if (count > 0)
        buffer_commit(&got, (size_t)count);
    return count > 0 || (count < 0 && errno == EAGAIN);
}

static bool ends_with(int fd, const char *text)
{
    size_t length = strlen(text);
    (void)!read_some(fd);
    return got.length >= length && memcmp(got.data + got.length - length, text, length) == 0;
}

static void test_each_piece_leaves_at_once(void **state)
{
    (void)state;
    int fd = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(ends_with(fd, "\r\n\r\n6\r\nbegin\n\r\n"));
    http_request_append(stream, span_text("one"));
    until(ends_with(fd, "3\r\none\r\n"));
    http_request_append(stream, span_text("tw"));
    http_request_append(stream, span_text("o"));
    until(ends_with(fd, "3\r\ntwo\r\n"));
    assert_int_equal(http_request_pending_bytes(stream), 0);
    http_request_end(stream);
    until(ends_with(fd, "0\r\n\r\n"));
    /* The connection is good for another request. */
    buffer_clear(&got);
    const char again[] = "GET /short HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(client_send(loop, fd, again, strlen(again)));
    until(ends_with(fd, "\r\nbegin\nend\n\r\n0\r\n\r\n"));
    assert_int_equal(gone_count, 0);
    close(fd);
}

static void test_an_old_client_reads_to_the_end_of_the_connection(void **state)
{
    (void)state;
    int fd = ask("GET / HTTP/1.0\r\n\r\n");
    until(ends_with(fd, "\r\n\r\nbegin\n"));
    http_request_append(stream, span_text("end"));
    http_request_end(stream);
    until(!read_some(fd));
    assert_true(ends_with(fd, "begin\nend"));
    close(fd);
}

static void test_head_has_no_stream(void **state)
{
    (void)state;
    int fd = ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(ends_with(fd, "\r\n\r\n"));
    until(gone_count == 1);
    close(fd);
}

static void test_a_client_that_leaves(void **state)
{
    (void)state;
    int fd = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(ends_with(fd, "begin\n\r\n"));
    close(fd);
    until(gone_count == 1);
    /* One that leaves while much is on its way. */
    fd = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(stream);
    char *much = xcalloc(1, 20 << 20);
    http_request_append(stream, span_of(much, 20 << 20));
    until(!stream || http_request_pending_bytes(stream) < 20 << 20);
    close(fd);
    until(gone_count == 2);
    free(much);
}

static void test_what_waits_for_a_slow_reader_is_known_and_kept(void **state)
{
    enum { PIECE = 1 << 20, PIECES = 16 };
    char *piece = xcalloc(1, PIECE);

    (void)state;
    int fd = ask("GET / HTTP/1.0\r\n\r\n");
    until(stream);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i, PIECE);
        http_request_append(stream, span_of(piece, PIECE));
        loop_turn(loop, 5);
    }
    assert_true(http_request_pending_bytes(stream) > 0);
    http_request_end(stream);
    until(!read_some(fd));
    size_t head = (size_t)((const char *)memmem(got.data, got.length, "begin\n", 6) + 6 - got.data);
    assert_int_equal(got.length - head, PIECE * PIECES);
    for (size_t i = 0; i < PIECES; i++) {
        assert_int_equal(got.data[head + i * PIECE], 'a' + i);
        assert_int_equal(got.data[head + (i + 1) * PIECE - 1], 'a' + i);
    }
    assert_int_equal(gone_count, 0);
    free(piece);
    close(fd);
}

static void test_a_drained_server_waits_for_the_end(void **state)
{
    (void)state;
    int fd = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(ends_with(fd, "begin\n\r\n"));
    http_server_drain(server, on_drained);
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 1);
    assert_false(is_drained);
    http_request_end(stream);
    until(is_drained);
    until(!read_some(fd));
    close(fd);
}

static void test_closing_the_server_tells_who_streams(void **state)
{
    (void)state;
    int fd = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    until(ends_with(fd, "begin\n\r\n"));
    http_server_close(&server);
    assert_int_equal(gone_count, 1);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_piece_leaves_at_once),
        TEST(test_an_old_client_reads_to_the_end_of_the_connection),
        TEST(test_head_has_no_stream),
        TEST(test_a_client_that_leaves),
        TEST(test_what_waits_for_a_slow_reader_is_known_and_kept),
        TEST(test_a_drained_server_waits_for_the_end),
        TEST(test_closing_the_server_tells_who_streams),
    };
    return cmocka_run_group_tests_name("http stream", tests, NULL, NULL);
}
