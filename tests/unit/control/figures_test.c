#include "control/figures.h"

#include <stdlib.h>

#include "tests/unit/control/ring.h"
#include "tests/unit/unit.h"

static int set_up(void **state)
{
    struct ring *ring = xcalloc(1, sizeof *ring);
    ring_init(ring);
    ring_warm(ring);
    *state = ring;
    return 0;
}

static int tear_down(void **state)
{
    ring_fini(*state);
    free(*state);
    return 0;
}

/* Asks, and waits until everybody has been asked. */
static void ask(struct ring *ring, struct ring_call *call)
{
    uint64_t before = ring->measured;
    ring_call_allowed(ring, call, "GET", "/v1/processes", NULL, NULL);
    ring_until(ring, ring->measured != before && ring->edges[0].measured == ring->measured &&
                         ring->edges[1].measured == ring->measured);
}

/* What a process says of itself: one figure, and the peer `linked_to`, a router or NULL. */
static void report(const struct ring *ring, struct link *link, const char *role, const char *name,
                   uint64_t amount, uint64_t per, const char *linked_to)
{
    const struct record_figure figure = {
        .name = span_text("slip_x{y=\"z\"}"), .amount = amount, .per = per};
    const struct record_peer peer = {.role = span_text("router"),
                                     .name = span_text(linked_to),
                                     .silent_ms = 7,
                                     .buffered_bytes = 9};
    const struct message_report message = {
        .round = ring->measured,
        .control = span_text(ring->control->name),
        .role = span_text(role),
        .name = span_text(name),
        .version = span_text("9.9"),
        .clock_us = 1500000,
        .figures = {&figure, 1},
        .peers = {&peer, linked_to ? 1 : 0},
    };
    wire_put_report(link_packet(link), &message);
}

static void report_edges(const struct ring *ring, const char *router)
{
    for (size_t i = 0; i < RING_EDGES; i++)
        report(ring, ring->edges[i].link, "edge", ring->edges[i].id, i + 1, 1, router);
}

static void expect(const struct ring_call *call, const char *text)
{
    if (!ring_call_find(call, text))
        fail_msg("%s is not in:\n%s", text, call->answer.data);
}

static void everybody_answers(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ask(ring, &call);
    report_edges(ring, NULL);
    report(ring, ring->worker, "webhook-worker", "the-worker", 2500001, 1000000, "a-router");
    /* The router that the worker is linked to is waited for. */
    report(ring, ring->worker, "router", "a-router", 3, 1, NULL);
    ring_until(ring, ring_call_is_answered(&call));
    assert_int_equal(call.status, 200);
    expect(&call,
           "{\"role\":\"edge\",\"name\":\"edge-0000a\",\"version\":\"9.9\",\"clock\":1.500000,"
           "\"metrics\":{\"slip_x{y=\\\"z\\\"}\":1},\"links\":[]},"
           "{\"role\":\"edge\",\"name\":\"edge-0000b\"");
    expect(&call, "\"metrics\":{\"slip_x{y=\\\"z\\\"}\":2.500001},\"links\":[{\"role\":\"router\","
                  "\"name\":\"a-router\",\"silentMs\":7,\"bufferedBytes\":9}]");
    expect(&call, "{\"role\":\"router\",\"name\":\"a-router\",\"version\":\"9.9\"");
    expect(&call, "{\"items\":[{\"role\":\"control\",\"name\":\"");
    expect(&call, "\"slip_edges_live\":2");
    ring_call_fini(&call);
}

static void who_does_not_answer_is_there_without_figures(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ask(ring, &call);
    report_edges(ring, "seen-by-edges-only");
    ring_until(ring, ring_call_is_answered(&call));
    expect(&call, "{\"role\":\"webhook-worker\",\"name\":\"the-worker\",\"version\":null,"
                  "\"clock\":null,\"metrics\":null,\"links\":[]}");
    expect(&call, "{\"role\":\"router\",\"name\":\"seen-by-edges-only\",\"version\":null");
    ring_call_fini(&call);
}

static void a_late_report_belongs_to_no_other_round(void **state)
{
    struct ring *ring = *state;
    struct ring_call first, second;

    ask(ring, &first);
    uint64_t round = ring->measured;
    ring_until(ring, ring_call_is_answered(&first));
    ask(ring, &second);
    uint64_t now = ring->measured;
    ring->measured = round;
    report_edges(ring, NULL);
    ring->measured = now;
    report(ring, ring->worker, "webhook-worker", "the-worker", 1, 1, NULL);
    ring_until(ring, ring_call_is_answered(&second));
    expect(&second, "{\"role\":\"edge\",\"name\":\"edge-0000a\",\"version\":null");
    expect(&second, "\"name\":\"the-worker\",\"version\":\"9.9\"");
    /* And one that comes when nobody asks, or twice, does no harm. */
    report_edges(ring, NULL);
    report_edges(ring, NULL);
    ring_call_fini(&first);
    ring_call_fini(&second);
}

static void callers_share_a_round(void **state)
{
    struct ring *ring = *state;
    struct ring_call first, gone, second;

    ask(ring, &first);
    uint64_t round = ring->measured;
    ring_call_allowed(ring, &gone, "GET", "/v1/processes", NULL, NULL);
    ring_call_allowed(ring, &second, "GET", "/v1/processes", NULL, NULL);
    ring_until(ring, ring->control->rest.call_count == 3);
    ring_call_fini(&gone);
    ring_until(ring, ring->control->rest.call_count == 2);
    report_edges(ring, NULL);
    report(ring, ring->worker, "webhook-worker", "the-worker", 1, 1, NULL);
    ring_until(ring, ring_call_is_answered(&first) && ring_call_is_answered(&second));
    assert_int_equal(ring->measured, round);
    assert_string_equal(ring_call_find(&first, "{\"items\""),
                        ring_call_find(&second, "{\"items\""));
    ring_call_fini(&first);
    ring_call_fini(&second);
}

static void a_round_that_everybody_leaves_ends_alone(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ask(ring, &call);
    ring_call_fini(&call);
    ring_until(ring, ring->control->rest.call_count == 0);
    report_edges(ring, NULL);
    ask(ring, &call);
    report_edges(ring, NULL);
    report(ring, ring->worker, "webhook-worker", "the-worker", 1, 1, NULL);
    ring_until(ring, ring_call_is_answered(&call));
    ring_call_fini(&call);
}

static void who_leaves_is_not_waited_for(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;

    ask(ring, &call);
    report_edges(ring, NULL);
    ring_until(ring, ring->control->figures.awaited == 1);
    ring_disconnect_worker(ring);
    assert_true(list_is_empty(&ring->control->figures.calls));
    ring_until(ring, ring_call_is_answered(&call));
    expect(&call, "\"name\":\"the-worker\",\"version\":null");
    ring_call_fini(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_answer_is_there_without_figures, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_late_report_belongs_to_no_other_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(callers_share_a_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_round_that_everybody_leaves_ends_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_is_not_waited_for, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
