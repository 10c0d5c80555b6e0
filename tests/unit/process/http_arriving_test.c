/* What a handler is told, and may answer, before a body has come. */
#include <unistd.h>

#include "common/process/http_server.h"
#include "tests/unit/process/http_client.h"
#include "tests/unit/unit.h"

enum { BODY_LIMIT = 100000 };

static struct loop *loop;
static struct http_server *server;
static struct buffer answer;
static struct http_request *arriving; /* the last one, until it is whole or gone */
static size_t announced, announcements, requests, gone, refuse_above;
static bool drained;
static char localhost[] = "127.0.0.1";

static void reply(struct http_request *request, unsigned int status)
{
    const struct http_answer text = {.status = status, .body = http_request_body(request)};
    http_request_answer(request, &text);
}

static void on_arriving(void *context, struct http_request *request, size_t body_bytes)
{
    (void)context;
    arriving = request;
    announced = body_bytes;
    announcements++;
    if (span_is(http_request_target(request)->path, "/refused") || body_bytes > refuse_above)
        reply(request, 403);
}

static void on_request(void *context, struct http_request *request)
{
    (void)context;
    assert_ptr_equal(request, arriving);
    requests++;
    if (span_is(http_request_target(request)->path, "/held"))
        return;
    reply(request, 200);
}

static void on_gone(void *context, struct http_request *request)
{
    (void)context;
    assert_ptr_equal(request, arriving);
    arriving = NULL;
    gone++;
}

static int set_up(void **state)
{
    const struct address address = {.host = localhost};
    const struct http_handler handler = {
        .on_arriving = on_arriving, .on_request = on_request, .on_gone = on_gone};
    const struct http_limits limits = {
        .body_bytes = BODY_LIMIT, .header_bytes = 4096, .timeout_ms = 20000, .connections = 100};

    (void)state;
    announced = announcements = requests = gone = 0;
    refuse_above = BODY_LIMIT;
    drained = false;
    loop = loop_new(0, NULL, NULL);
    assert_int_equal(http_server_open(loop, &address, &handler, NULL, &limits, &server), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_close(&server);
    loop_destroy(&loop);
    buffer_fini(&answer);
    return 0;
}

static void send_text(int fd, const char *text)
{
    assert_true(client_send(loop, fd, text, strlen(text)));
}

static void wait_for_announcement(size_t count)
{
    while (announcements < count)
        loop_turn(loop, 5);
}

static void the_head_is_told_before_the_body(void **state)
{
    int fd = client_connect(http_server_port(server));
    (void)state;

    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(1);
    assert_int_equal(announced, 5);
    assert_int_equal(requests, 0);
    send_text(fd, "llo");
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_span(client_body(&answer), "hello");
    assert_int_equal(announcements, 1);
    send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_int_equal(announced, 0);
    close(fd);
}

static void a_body_of_unknown_length_is_told_as_it_grows(void **state)
{
    int fd = client_connect(http_server_port(server));
    (void)state;

    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    wait_for_announcement(1);
    assert_int_equal(announced, 0);
    send_text(fd, "3\r\nabc\r\n");
    wait_for_announcement(2);
    assert_int_equal(announced, 3);
    send_text(fd, "2\r\nde\r\n0\r\n\r\n");
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_int_equal(announced, 5);
    assert_span(client_body(&answer), "abcde");
    close(fd);
}

/* The connection goes on: what the client says next may be good. */
static void the_body_of_what_is_answered_is_thrown_away(void **state)
{
    static char body[BODY_LIMIT];
    int fd = client_connect(http_server_port(server));
    (void)state;

    memset(body, 'b', sizeof body);
    send_text(fd, "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    assert_true(client_send(loop, fd, body, sizeof body));
    assert_int_equal(client_receive(loop, fd, false, &answer), 403);
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(client_receive(loop, fd, false, &answer), 200);
    assert_span(client_body(&answer), "ok");
    assert_int_equal(requests, 1);
    assert_int_equal(gone, 0);
    close(fd);
}

static void one_that_grows_too_much_is_answered_on_its_way(void **state)
{
    int fd = client_connect(http_server_port(server));
    (void)state;

    refuse_above = 4;
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    wait_for_announcement(2);
    send_text(fd, "2\r\nde\r\n");
    wait_for_announcement(3);
    send_text(fd, "2\r\nfg\r\n0\r\n\r\n");
    assert_int_equal(client_receive(loop, fd, false, &answer), 403);
    assert_int_equal(announcements, 3); /* it is not told of what is thrown away */
    assert_int_equal(requests, 0);
    close(fd);
}

static void who_leaves_while_its_body_comes_is_gone(void **state)
{
    int fd = client_connect(http_server_port(server));
    int refused = client_connect(http_server_port(server));
    (void)state;

    send_text(refused, "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(1);
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(2);
    close(refused); /* was answered: nobody is told */
    close(fd);
    while (gone == 0)
        loop_turn(loop, 5);
    assert_null(arriving);
    assert_int_equal(gone, 1);
    assert_int_equal(requests, 0);
}

static void who_is_cut_at_the_limit_is_gone(void **state)
{
    static char chunk[BODY_LIMIT];
    int fd = client_connect(http_server_port(server));
    (void)state;

    memset(chunk, 'c', sizeof chunk);
    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n");
    assert_true(client_send(loop, fd, chunk, sizeof chunk));
    send_text(fd, "\r\n1\r\nc\r\n");
    assert_int_equal(client_receive(loop, fd, false, &answer), 413);
    assert_int_equal(gone, 1);
    close(fd);
}

static void a_close_tells_whose_body_is_on_its_way(void **state)
{
    int fd = client_connect(http_server_port(server));
    (void)state;

    send_text(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(1);
    http_server_close(&server);
    assert_int_equal(gone, 1);
    client_wait_for_end(loop, fd);
    close(fd);
}

static void on_drained(void *context)
{
    (void)context;
    drained = true;
}

static void who_does_not_finish_can_be_cut(void **state)
{
    int head = client_connect(http_server_port(server));
    int refused = client_connect(http_server_port(server));
    int body = client_connect(http_server_port(server));
    int held = client_connect(http_server_port(server));
    (void)state;

    send_text(head, "GET / HTTP/1.1\r\nHost:");
    send_text(refused, "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(1);
    send_text(held, "GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_announcement(2);
    struct http_request *whole = arriving;
    send_text(body, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_announcement(3);
    http_server_drain(server, on_drained);
    http_server_cut_arriving(server);
    assert_int_equal(gone, 1); /* of `body`, who was not answered */
    client_wait_for_end(loop, head);
    client_wait_for_end(loop, refused);
    client_wait_for_end(loop, body);
    assert_false(drained);
    reply(whole, 200);
    assert_int_equal(client_receive(loop, held, false, &answer), 200);
    while (!drained)
        loop_turn(loop, 5);
    assert_int_equal(gone, 1);
    close(head);
    close(refused);
    close(body);
    close(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_head_is_told_before_the_body),
        TEST(a_body_of_unknown_length_is_told_as_it_grows),
        TEST(the_body_of_what_is_answered_is_thrown_away),
        TEST(one_that_grows_too_much_is_answered_on_its_way),
        TEST(who_leaves_while_its_body_comes_is_gone),
        TEST(who_is_cut_at_the_limit_is_gone),
        TEST(a_close_tells_whose_body_is_on_its_way),
        TEST(who_does_not_finish_can_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
