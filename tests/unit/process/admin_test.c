#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "common/process/admin.h"
#include "common/process/metrics.h"
#include "common/text/json.h"
#include "tests/unit/process/http_client.h"

static struct loop *loop;
static struct admin *admin;
static struct buffer answer;
static bool is_ready;
static char localhost[] = "127.0.0.1";

static void check_ready(void *context, struct readiness *readiness)
{
    assert_ptr_equal(context, &loop);
    if (is_ready)
        return;
    readiness_add(readiness, "no router");
    readiness_add(readiness, "control \"a\" is cold");
}

static void before_metrics(void *context)
{
    assert_ptr_equal(context, &loop);
    metric_set(METRIC_CONNECTIONS, 42);
}

static void open_with(struct http_handler more)
{
    const struct address address = {.host = localhost};
    const struct admin_pages pages = {
        .program = PROGRAM_EDGE,
        .check_ready = check_ready,
        .before_metrics = before_metrics,
        .more = more,
        .context = &loop,
    };
    assert_int_equal(admin_open(loop, &address, &pages, &admin), 0);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new(0, NULL, NULL);
    open_with((struct http_handler){.on_request = NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    admin_close(&admin);
    assert_null(admin);
    admin_close(&admin);
    loop_destroy(&loop);
    buffer_fini(&answer);
    return 0;
}

static int get(const char *request_line)
{
    struct buffer request = {0};
    buffer_append_format(&request, "%s HTTP/1.1\r\nHost: h\r\n\r\n", request_line);
    char *text = buffer_take(&request);
    int status = client_exchange(loop, admin_port(admin), text, &answer);
    free(text);
    return status;
}

static void test_health(void **state)
{
    (void)state;
    assert_int_equal(get("GET /healthz"), 200);
    assert_span(client_body(&answer), "ok\n");
    assert_int_equal(get("HEAD /healthz"), 200);
}

static void test_readiness(void **state)
{
    (void)state;
    is_ready = false;
    assert_int_equal(get("GET /readyz"), 503);
    assert_span(client_body(&answer),
                "{\"ready\":false,\"reasons\":[\"no router\",\"control \\\"a\\\" is cold\"]}\n");
    assert_span(client_header(&answer, "Content-Type"), "application/json");
    assert_span(client_header(&answer, "Cache-Control"), "no-store");
    is_ready = true;
    assert_int_equal(get("GET /readyz?verbose"), 200);
    assert_span(client_body(&answer), "{\"ready\":true,\"reasons\":[]}\n");
}

static void test_metrics(void **state)
{
    (void)state;
    assert_int_equal(get("GET /metrics"), 200);
    struct span type = client_header(&answer, "Content-Type");
    assert_true(span_starts_with(type, span_text("text/plain; version=0.0.4")));
    struct span body = client_body(&answer);
    assert_non_null(memmem(body.data, body.length, "\nslip_connections 42\n", 21));
    assert_null(memmem(body.data, body.length, "slip_webhook_requests_total", 27));
    assert_null(memmem(body.data, body.length, "memory_bytes 0\n", 15)); /* it was measured */
}

static void test_anything_else(void **state)
{
    (void)state;
    static const char *const rows[] = {"GET /", "GET /healthz/", "GET /metricsx", "POST /x"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        assert_int_equal(get(rows[i]), 404);
        assert_span(client_header(&answer, "Content-Type"), "application/problem+json");
        assert_true(json_is_valid(client_body(&answer)));
    }
    assert_int_equal(get("POST /healthz"), 405);
    assert_int_equal(get("DELETE /metrics"), 405);
}

static void own_page(void *context, struct http_request *request)
{
    const struct http_answer page = {
        .status = 200, .content_type = "text/plain", .body = http_request_target(request)->path};
    assert_ptr_equal(context, &loop);
    http_request_answer(request, &page);
}

static void test_a_program_has_pages_of_its_own(void **state)
{
    (void)state;
    admin_close(&admin);
    open_with((struct http_handler){.on_request = own_page});
    assert_int_equal(get("GET /own/page"), 200);
    assert_span(client_body(&answer), "/own/page");
    assert_int_equal(get("POST /"), 200);
    assert_int_equal(get("GET /healthz"), 200);
    assert_span(client_body(&answer), "ok\n");
    assert_int_equal(get("POST /healthz"), 405);
}

static void test_address_taken(void **state)
{
    (void)state;
    const struct address address = {.host = localhost, .port = admin_port(admin)};
    struct admin *second = NULL;
    const struct admin_pages pages = {.program = PROGRAM_EDGE};
    assert_int_equal(admin_open(loop, &address, &pages, &second), -EADDRINUSE);
    assert_null(second);
}

#define ADMIN_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADMIN_TEST(test_health),        ADMIN_TEST(test_readiness),
        ADMIN_TEST(test_metrics),       ADMIN_TEST(test_anything_else),
        ADMIN_TEST(test_address_taken), ADMIN_TEST(test_a_program_has_pages_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
