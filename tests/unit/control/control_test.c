#include "control/control.h"

#include <stdlib.h>

#include "tests/unit/control/ring.h"
#include "tests/unit/unit.h"

#define ON_A "edge-0000a0123456789abcdef"
#define ON_B "edge-0000b0123456789abcdef"

static int set_up_cold(void **state)
{
    struct ring *ring = xcalloc(1, sizeof *ring);
    ring_init(ring);
    *state = ring;
    return 0;
}

static int set_up(void **state)
{
    set_up_cold(state);
    ring_warm(*state);
    return 0;
}

static int tear_down(void **state)
{
    ring_fini(*state);
    free(*state);
    return 0;
}

/* Calls with a good token and returns the status; the answer's text, from the status line on, is
 * compared: `expected` stands in it. */
static unsigned int ask(struct ring *ring, const char *method, const char *path,
                        const char *headers, const char *body, const char *expected)
{
    struct ring_call call;
    ring_call_allowed(ring, &call, method, path, headers, body);
    ring_until(ring, ring_call_is_answered(&call));
    unsigned int status = call.status;
    if (!ring_call_find(&call, expected))
        fail_msg("%s is not in:\n%s", expected, call.answer.data);
    ring_call_fini(&call);
    return status;
}

#define EVENTS(list) "{\"events\":[" list "]}"
#define TEXT_TO(id)  "{\"type\":\"TEXT\",\"connectionId\":\"" id "\",\"data\":\"hi\"}"
#define PUBLISH      "{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"room\",\"data\":\"all\"}"

static void a_cold_control_says_so_and_keeps_commands(void **state)
{
    struct ring *ring = *state;

    assert_int_equal(ring_ready_calls, 0);
    assert_int_equal(ask(ring, "POST", "/", NULL, EVENTS(PUBLISH), "/problems/not-ready"), 503);
    assert_int_equal(ask(ring, "POST", "/", NULL, EVENTS(PUBLISH), "Retry-After: 1"), 503);
    ring_text(ring, 7, ON_A);
    ring_until(ring, ring->control->requests.count == 1);
    ring_roll(ring, 3, 0);
    ring_announce(ring, 0);
    assert_non_null(control_cold_reason(ring->control));
    ring_announce(ring, 1);
    ring_until(ring, ring->edges[0].count == 1);
    assert_int_equal(ring_ready_calls, 1);
    assert_int_equal(ring->commanded, 0);
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring->commanded == 7);
}

static void an_edge_that_died_is_not_waited_for(void **state)
{
    struct ring *ring = *state;

    ring_announce(ring, 0);
    ring_roll(ring, 1, 2);
    ring_until(ring, !control_cold_reason(ring->control));
}

static void two_hundred_comes_after_the_last_receipt(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_join(ring, 0, "room");
    ring_join(ring, 1, "room");
    ring_call_allowed(ring, &call, "POST", "/any/path", NULL, EVENTS(PUBLISH));
    ring_until(ring, ring->edges[0].count == 1 && ring->edges[1].count == 1);
    assert_true(span_is(ring->edges[1].commands[0].target, "room"));
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring->control->requests.count == 1);
    assert_false(ring_call_is_answered(&call));
    ring_receipt(ring, 1, 1, 1);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    assert_non_null(ring_call_find(&call, "\r\n\r\n{\"message\":\"processed successfully\"}"));
    assert_non_null(ring_call_find(&call, "Cache-Control: no-store"));
    assert_non_null(ring_call_find(&call, "X-Content-Type-Options: nosniff"));
    ring_call_fini(&call);
}

static void bad_commands_are_refused_whole(void **state)
{
    struct ring *ring = *state;
    const char *const bad[] = {
        "",
        "null",
        "{}",
        "{\"events\":{}}",
        "{\"events\":[",
        (EVENTS(TEXT_TO(ON_A) ",{\"type\":\"NEW\"}")),
        EVENTS(TEXT_TO(ON_A) ",{\"type\":\"ACCEPT\",\"connectionId\":\"x\"}"),
        EVENTS(TEXT_TO(ON_A) ",{\"type\":\"TEXT\",\"connectionId\":1}")};

    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(
            ask(ring, "POST", "/", NULL, bad[i], "\r\n\r\n{\"message\":\"invalid commands\"}"),
            400);
    assert_int_equal(ring->control->requests.count, 0);
    assert_int_equal(ring->edges[0].count, 0);
}

static void who_has_no_good_token_learns_nothing(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_call(ring, &call, "POST", "/", "Authorization: Bearer x.y.z\r\n", EVENTS(TEXT_TO(ON_A)));
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 403);
    assert_non_null(ring_call_find(&call, "Content-Type: text/plain"));
    assert_string_equal(ring_call_find(&call, "\r\n\r\n"), "Invalid token");
    ring_call_fini(&call);
    ring_call(ring, &call, "GET", "/v1/nothing", NULL, NULL);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 403);
    assert_non_null(ring_call_find(&call, "/problems/invalid-token"));
    assert_non_null(ring_call_find(&call, "WWW-Authenticate: Bearer"));
    ring_call_fini(&call);
    ring_call(ring, &call, "GET", "/v1/openapi.json", NULL, NULL);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    ring_call_fini(&call);
    assert_int_equal(ring->edges[0].count, 0);
}

static void paths_and_methods_that_are_none(void **state)
{
    struct ring *ring = *state;

    assert_int_equal(ask(ring, "GET", "/v1/nothing", NULL, NULL, "/problems/not-found"), 404);
    assert_int_equal(ask(ring, "GET", "/v1", NULL, NULL, "/problems/not-found"), 404);
    assert_int_equal(ask(ring, "GET", "/v1/connections/", NULL, NULL, "/problems/not-found"), 404);
    assert_int_equal(ask(ring, "GET", "/v1/channels/a/b/c", NULL, NULL, "/problems/not-found"),
                     404);
    assert_int_equal(ask(ring, "GET", "/", NULL, NULL, "Allow: POST"), 405);
    assert_int_equal(ask(ring, "POST", "/v1/connections/" ON_A "/subscriptions/x", NULL, NULL,
                         "Allow: PUT, DELETE"),
                     405);
    assert_int_equal(ask(ring, "DELETE", "/v1/status", NULL, NULL, "Allow: GET"), 405);
}

static void what_a_resource_cannot_use_is_400(void **state)
{
    struct ring *ring = *state;
#define MESSAGES "/v1/connections/" ON_A "/messages"

    assert_int_equal(ask(ring, "POST", MESSAGES, NULL, "{", "/problems/invalid-body"), 400);
    assert_int_equal(ask(ring, "POST", MESSAGES, NULL, "{\"data\":1}", "\"detail\""), 400);
    assert_int_equal(ask(ring, "POST", MESSAGES, NULL, "{\"data\":\"=\",\"binary\":true}",
                         "/problems/invalid-body"),
                     400);
    assert_int_equal(ask(ring, "PUT", "/v1/connections/" ON_A "/metadata", NULL, "{\"a\":}",
                         "/problems/invalid-body"),
                     400);
    assert_int_equal(ask(ring, "PUT", "/v1/connections/" ON_A "/metadata", NULL,
                         "1},\"metadata\":{", "/problems/invalid-body"),
                     400);
    assert_int_equal(ask(ring, "POST", "/v1/connections/" ON_A "/close", NULL, "{\"code\":1006}",
                         "/problems/invalid-body"),
                     400);
    assert_int_equal(ask(ring, "PUT", "/v1/connections/" ON_A "/subscriptions/a%0Ab", NULL, NULL,
                         "/problems/invalid-parameter"),
                     400);
    assert_int_equal(ask(ring, "POST", MESSAGES, "Idempotency-Key: \r\n", "{\"data\":\"x\"}",
                         "/problems/invalid-parameter"),
                     400);
    assert_int_equal(ask(ring, "POST", MESSAGES, "Content-Encoding: gzip\r\n", "{\"data\":\"x\"}",
                         "/problems/unsupported-encoding"),
                     415);
    assert_int_equal(ask(ring, "GET", "/v1/channels?limit=0", NULL, NULL, "limit"), 400);
    assert_int_equal(ask(ring, "GET", "/v1/connections?cursor=!", NULL, NULL, "cursor"), 400);
    assert_int_equal(ring->control->requests.count, 0);
}

static void a_body_over_the_limit_is_413(void **state)
{
    struct ring *ring = *state;
    static char body[20002];

    memset(body, ' ', sizeof body - 1);
    assert_int_equal(ask(ring, "POST", "/", NULL, body, "/problems/body-too-large"), 413);
}

static void a_connection_on_no_edge_is_404_only_under_v1(void **state)
{
    struct ring *ring = *state;
    const char *const paths[] = {"/v1/connections/nonsense/close",
                                 "/v1/connections/nobody-xyz0123456789abcdef/close"};

    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        assert_int_equal(ask(ring, "POST", paths[i], NULL, NULL, "/problems/no-such-connection"),
                         404);
    assert_int_equal(ask(ring, "POST", "/", NULL, EVENTS(TEXT_TO("nobody-xyz0123456789abcdef")),
                         "processed successfully"),
                     200);
}

static void no_receipt_in_time_is_503_and_the_memory_goes_later(void **state)
{
    struct ring *ring = *state;

    assert_int_equal(
        ask(ring, "POST", "/", NULL, EVENTS(TEXT_TO(ON_A)), "/problems/not-applied-in-time"), 503);
    assert_int_equal(ring->control->requests.count, 1);
    assert_true(ring->control->requests.rest_bytes > 0);
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring->control->requests.count == 0);
    assert_int_equal(ring->control->requests.rest_bytes, 0);
}

static void a_caller_that_hangs_up_stops_nothing(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_call_allowed(ring, &call, "POST", "/", NULL, EVENTS(TEXT_TO(ON_A)));
    ring_until(ring, ring->edges[0].count == 1);
    ring_call_fini(&call);
    ring_until(ring, ring->control->rest.call_count == 0);
    assert_int_equal(ring->control->requests.count, 1);
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring->control->requests.count == 0);
}

static void a_death_on_the_roll_counts_as_applied(void **state)
{
    struct ring *ring = *state;
    struct ring_call contract, resource;

    ring_call_allowed(ring, &contract, "POST", "/", NULL, EVENTS(TEXT_TO(ON_A)));
    ring_call_allowed(ring, &resource, "POST", "/v1/connections/" ON_A "/close", NULL, NULL);
    ring_until(ring, ring->edges[0].count == 2);
    ring_roll(ring, 2, 1);
    ring_until(ring, ring_call_is_answered(&contract) && ring_call_is_answered(&resource));
    assert_int_equal(contract.status, 200);
    assert_int_equal(resource.status, 404);
    ring_call_fini(&contract);
    ring_call_fini(&resource);
}

static void an_edge_on_the_roll_is_waited_for(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_disconnect_edge(ring, 0);
    ring_call_allowed(ring, &call, "POST", "/", NULL, EVENTS(TEXT_TO(ON_A) "," PUBLISH));
    ring_until(ring, ring->control->requests.count == 1);
    ring_connect_edge(ring, 0);
    ring_until(ring, ring->edges[0].count == 2);
    ring_receipt(ring, 0, 1, 2);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    ring_call_fini(&call);
}

static void reads_need_postgresql_and_commands_do_not(void **state)
{
    struct ring *ring = *state;
    const char *const paths[] = {"/v1/status",
                                 "/v1/edges",
                                 "/v1/connections",
                                 ("/v1/connections/" ON_A),
                                 "/v1/channels",
                                 "/v1/channels/a%2Fb",
                                 "/v1/channels/a/members",
                                 "/v1/connections?channel=c&edge=e"};

    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        assert_int_equal(ask(ring, "GET", paths[i], NULL, NULL, "/problems/database-away"), 503);
        assert_int_equal(ask(ring, "GET", paths[i], NULL, NULL, "Retry-After: 2"), 503);
    }
    assert_int_equal(ask(ring, "POST", "/v1/channels/c/close", NULL, NULL, "applied"), 200);
}

/* The origin with which the next command reaches edge A. */
static struct span origin_of(struct ring *ring, const char *path, const char *key, const char *body)
{
    struct ring_call call;
    size_t before = ring->edges[0].count;
    char header[64];

    (void)snprintf(header, sizeof header, "Idempotency-Key: %s\r\n", key);
    ring_call_allowed(ring, &call, "POST", path, header, body);
    ring_until(ring, ring->edges[0].count == before + 1);
    ring_receipt(ring, 0, before + 1, before + 1);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    ring_call_fini(&call);
    return ring->edges[0].commands[before].origin;
}

static void a_key_stands_for_one_request(void **state)
{
    struct ring *ring = *state;
    const char *messages = "/v1/connections/" ON_A "/messages";
    const char *other = "/v1/connections/edge-0000aXXXXXXXXXXXXXXXX/messages";

    struct span first = origin_of(ring, messages, "one", "{\"data\":\"a\"}");
    assert_int_equal(first.length, REQUEST_ORIGIN_LENGTH);
    assert_true(span_equal(first, origin_of(ring, messages, "one", "{\"data\":\"a\"}")));
    assert_false(span_equal(first, origin_of(ring, messages, "two", "{\"data\":\"a\"}")));
    assert_false(span_equal(first, origin_of(ring, messages, "one", "{\"data\":\"b\"}")));
    assert_false(span_equal(first, origin_of(ring, other, "one", "{\"data\":\"a\"}")));
}

static void too_much_in_flight_is_refused_before_its_first_command(void **state)
{
    struct ring *ring = *state;
    enum { CALLS = 60, DATA = 17900 };
    struct ring_call calls[CALLS];
    struct buffer body = {0};

    buffer_append_text(&body, "{\"data\":\"");
    memset(buffer_reserve(&body, DATA), 'x', DATA);
    buffer_commit(&body, DATA);
    buffer_append(&body, "\"}", 3);
    for (size_t i = 0; i < CALLS; i++) {
        ring_call_allowed(ring, &calls[i], "POST", "/v1/connections/" ON_A "/messages", NULL,
                          body.data);
        loop_turn(ring->loop, 20);
    }
    ring_until(ring, ring->control->rest.call_count == 0 || ring->control->requests.count > 50);
    size_t before = ring->control->requests.count;
    assert_int_equal(ask(ring, "POST", "/v1/connections/" ON_B "/messages", NULL, body.data,
                         "/problems/overloaded"),
                     503);
    assert_int_equal(ring->edges[1].count, 0);
    assert_int_equal(ring->control->requests.count, before);
    ring_receipt(ring, 0, 1, CALLS);
    ring_until(ring, ring->control->requests.count == 0);
    for (size_t i = 0; i < CALLS; i++)
        ring_call_fini(&calls[i]);
    buffer_fini(&body);
}

static void the_time_of_a_poll_does_not_count(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_call_allowed(ring, &call, "POST", "/", NULL,
                      EVENTS("{\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":\"" ON_A
                             "\",\"timeout\":20000}," TEXT_TO(ON_B)));
    ring_until(ring, ring->edges[0].count == 1);
    const struct rest_call *rest_call =
        LIST_ENTRY(ring->control->rest.calls.next, struct rest_call, link);
    assert_false(loop_timer_is_running(&rest_call->timer));
    assert_int_equal(ring->edges[1].count, 0);
    ring_receipt(ring, 0, 1, 1);
    ring_polled(ring, 0, 1);
    ring_until(ring, ring->edges[1].count == 1);
    assert_true(loop_timer_is_running(&rest_call->timer));
    ring_receipt(ring, 1, 1, 1);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    ring_call_fini(&call);
}

static void what_a_lost_worker_asked_for_goes_on(void **state)
{
    struct ring *ring = *state;

    ring_text(ring, 7, ON_A);
    ring_until(ring, ring->edges[0].count == 1);
    ring_disconnect_worker(ring);
    assert_int_equal(ring->control->requests.count, 1);
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring->control->requests.count == 0);
    assert_int_equal(ring->commanded, 0);
}

static void a_drained_control_stops(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ring_call_allowed(ring, &call, "POST", "/", "Connection: close\r\n", EVENTS(TEXT_TO(ON_A)));
    ring_until(ring, ring->edges[0].count == 1);
    control_drain(ring->control);
    loop_turn(ring->loop, 20);
    assert_int_equal(ring_stopped_calls, 0);
    ring_receipt(ring, 0, 1, 1);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    ring_call_fini(&call);
    ring_until(ring, ring_stopped_calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define COLD(name) cmocka_unit_test_setup_teardown(name, set_up_cold, tear_down)
#define WARM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        COLD(a_cold_control_says_so_and_keeps_commands),
        COLD(an_edge_that_died_is_not_waited_for),
        WARM(two_hundred_comes_after_the_last_receipt),
        WARM(bad_commands_are_refused_whole),
        WARM(who_has_no_good_token_learns_nothing),
        WARM(paths_and_methods_that_are_none),
        WARM(what_a_resource_cannot_use_is_400),
        WARM(a_body_over_the_limit_is_413),
        WARM(a_connection_on_no_edge_is_404_only_under_v1),
        WARM(no_receipt_in_time_is_503_and_the_memory_goes_later),
        WARM(a_caller_that_hangs_up_stops_nothing),
        WARM(a_death_on_the_roll_counts_as_applied),
        WARM(an_edge_on_the_roll_is_waited_for),
        WARM(reads_need_postgresql_and_commands_do_not),
        WARM(a_key_stands_for_one_request),
        WARM(too_much_in_flight_is_refused_before_its_first_command),
        WARM(the_time_of_a_poll_does_not_count),
        WARM(what_a_lost_worker_asked_for_goes_on),
        WARM(a_drained_control_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
