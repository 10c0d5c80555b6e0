#include "webhook-worker/worker.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/siphash.h"
#include "tests/unit/unit.h"
#include "tests/unit/webhook-worker/ring.h"

#define SECRET    "a-secret-for-the-tests-of-the-worker"
#define NOTHING   "{\"events\":[]}"
#define ANSWER_C1 "{\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"hi\"}]}"

static void start(struct ring *ring)
{
    ring_start_worker(ring);
    ring_until(ring, ring->router.worker && ring->controls[0].worker && ring->controls[1].worker &&
                         ring_last(&ring->router, MESSAGE_READY) && ring_ready_calls > 0);
}

static int set_up(void **state)
{
    struct ring *ring = xcalloc(1, sizeof(*ring));
    ring_init(ring, "2", "20s");
    start(ring);
    *state = ring;
    return 0;
}

static int set_up_hasty(void **state)
{
    struct ring *ring = xcalloc(1, sizeof(*ring));
    ring_init(ring, "2", "50ms");
    start(ring);
    *state = ring;
    return 0;
}

static int tear_down(void **state)
{
    struct ring *ring = *state;
    ring_fini(ring);
    free(ring);
    return 0;
}

static const struct message_done *done(const struct ring *ring)
{
    const struct wire_message *message = ring_last(&ring->router, MESSAGE_DONE);
    return message ? &message->as.done : NULL;
}

static size_t commands_count(const struct ring *ring)
{
    return ring_count(&ring->controls[0], MESSAGE_COMMANDS) +
           ring_count(&ring->controls[1], MESSAGE_COMMANDS);
}

/* The control that connection c1's answers pass. */
static struct node *chosen(struct ring *ring)
{
    uint64_t a = rendezvous_weight(span_text("c1"), controls_hash(span_text("control-a")));
    uint64_t b = rendezvous_weight(span_text("c1"), controls_hash(span_text("control-b")));
    return &ring->controls[a > b ? 0 : 1];
}

static struct node *other(struct ring *ring)
{
    return chosen(ring) == &ring->controls[0] ? &ring->controls[1] : &ring->controls[0];
}

static const struct message_commands *commands(const struct node *control)
{
    const struct wire_message *message = ring_last(control, MESSAGE_COMMANDS);
    return message ? &message->as.commands : NULL;
}

static uint64_t credits(const struct ring *ring)
{
    return ring_last(&ring->router, MESSAGE_READY)->as.ready.credits;
}

static void test_once_round(void **state)
{
    struct ring *ring = *state;
    assert_int_equal(credits(ring), 2);
    backend_answer_json(&ring->backend, ANSWER_C1);
    ring_job(ring, 7, "c1", 3);
    ring_until(ring, commands(chosen(ring)));
    assert_span(commands(chosen(ring))->origin, "c1");
    assert_int_equal(commands(chosen(ring))->origin_first, 3);
    assert_int_equal(commands(chosen(ring))->commands.count, 1);
    assert_span(commands(chosen(ring))->commands.items[0].data, "hi");
    assert_null(done(ring));
    ring_until(ring, credits(ring) == 3);

    ring_commanded(chosen(ring), commands(chosen(ring))->reference);
    ring_until(ring, done(ring) && credits(ring) == 2);
    assert_int_equal(done(ring)->job, 7);
    assert_int_equal(done(ring)->outcome, JOB_DELIVERED);
    assert_span(done(ring)->items.items[0].connection, "c1");
    assert_int_equal(done(ring)->items.items[0].first, 3);

    /* Said twice, it counts once. */
    ring_commanded(chosen(ring), commands(chosen(ring))->reference);
    ring_job(ring, 8, "c1", 4);
    ring_until(ring, ring_count(chosen(ring), MESSAGE_COMMANDS) == 2);
    assert_int_equal(ring_count(&ring->router, MESSAGE_DONE), 1);
}

static void test_token(void **state)
{
    struct ring *ring = *state;
    struct span secret = span_text(SECRET);
    struct token_verifier *verifier = token_verifier_new(&secret, 1, TOKEN_AUDIENCE_EVENT, 0);
    enum token_problem problem = TOKEN_PROBLEM_NONE;
    backend_answer_json(&ring->backend, NOTHING);
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, done(ring));
    const char *field = strstr(ring->backend.last_head.data, "Authorization: ");
    assert_non_null(field);
    field += strlen("Authorization: ");
    struct span value = span_of(field, strcspn(field, "\r"));
    assert_int_equal(token_verify(verifier, value, clock_realtime_ms(), &problem), 0);
    token_verifier_destroy(&verifier);
}

static void test_answer_without_commands(void **state)
{
    struct ring *ring = *state;
    backend_answer(&ring->backend, "HTTP/1.1 204 No Content\r\n\r\n");
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->outcome, JOB_DELIVERED);
    assert_int_equal(done(ring)->status, 204);
    assert_int_equal(commands_count(ring), 0);
}

static void test_open_is_refused_by_an_empty_answer(void **state)
{
    struct ring *ring = *state;
    backend_answer_json(&ring->backend, NOTHING);
    ring_open_job(ring, 1, "c1", 5000);
    ring_until(ring, commands(chosen(ring)));
    assert_int_equal(commands(chosen(ring))->commands.items[0].type, COMMAND_CLOSE);
    assert_int_equal(commands(chosen(ring))->commands.items[0].status, 403);
    ring_commanded(chosen(ring), commands(chosen(ring))->reference);
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->items.items[0].verdict, OPEN_VERDICT_REFUSED);
}

/* An OPEN's time is its client's, not WEBHOOK_TIMEOUT. */
static void test_open_has_less_time(void **state)
{
    struct ring *ring = *state;
    ring_open_job(ring, 1, "c1", 1300);
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->outcome, JOB_TIMED_OUT);
    assert_int_equal(ring->backend.requests, 1);
}

static void test_failures(void **state)
{
    struct ring *ring = *state;
    backend_answer(&ring->backend,
                   "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
    backend_answer_json(&ring->backend, "{\"events\":[{\"type\":\"DANCE\"}]}");
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->outcome, JOB_STATUS);
    assert_int_equal(done(ring)->status, 503);
    assert_int_equal(done(ring)->retry_after_ms, 2000);
    assert_int_equal(done(ring)->items.count, 0);
    ring_job(ring, 2, "c1", 1);
    ring_until(ring, done(ring)->job == 2);
    assert_int_equal(done(ring)->outcome, JOB_INVALID_ANSWER);
    assert_true(span_starts_with(done(ring)->error, span_text("events[0]")));
    assert_int_equal(commands_count(ring), 0);
}

static size_t done_count(const struct ring *ring)
{
    return ring_count(&ring->router, MESSAGE_DONE);
}

static void post_and_wait(struct ring *ring, uint64_t job)
{
    size_t before = done_count(ring);
    ring_job(ring, job, "c1", job);
    ring_until(ring, done_count(ring) > before);
}

/* Two requests in a row without a status: the next jobs go back untried until the probe is due. */
static void take_down(struct ring *ring)
{
    ring->worker->breaker.settings =
        (struct breaker_settings){.failures = 2, .first_ms = 60000, .last_ms = 60000};
    backend_answer(&ring->backend, "");
    post_and_wait(ring, 1);
    post_and_wait(ring, 2);
    assert_int_equal(done(ring)->outcome, JOB_BROKEN);
    post_and_wait(ring, 3);
    assert_int_equal(done(ring)->outcome, JOB_HELD);
    assert_in_range(done(ring)->retry_after_ms, 20000, 60000);
    assert_int_equal(ring->backend.requests, 2);
    worker_measure(ring->worker);
    assert_int_equal(metric_get(METRIC_BREAKER_STATE), BREAKER_OPEN);
    ring->worker->breaker.probe_due_ms = 0;
    backend_forget_answers(&ring->backend);
}

static void test_a_target_that_is_down_is_probed(void **state)
{
    struct ring *ring = *state;
    take_down(ring);
    ring_job(ring, 4, "c1", 4);
    ring_until(ring, ring->backend.waiting == 1);
    post_and_wait(ring, 5);
    assert_int_equal(done(ring)->job, 5);
    assert_int_equal(done(ring)->outcome, JOB_HELD);
    assert_int_equal(ring->backend.requests, 3);
    /* Any status will do. */
    backend_answer(&ring->backend, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    ring_until(ring, done(ring)->job == 4);
    assert_int_equal(done(ring)->outcome, JOB_STATUS);
    assert_int_equal(ring->worker->breaker.state, BREAKER_CLOSED);
    post_and_wait(ring, 6);
    assert_int_equal(done(ring)->outcome, JOB_STATUS);
}

/* The probe belongs to a router that goes: another one may be sent. */
static void test_a_probe_that_is_cut(void **state)
{
    struct ring *ring = *state;
    take_down(ring);
    ring_job(ring, 4, "c1", 4);
    ring_until(ring, ring->backend.waiting == 1);
    assert_int_equal(ring->worker->breaker.state, BREAKER_HALF_OPEN);
    ring_unbind(&ring->router);
    ring_until(ring, ring->worker->routers.count == 0);
    assert_int_equal(ring->worker->breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_hold_ms(&ring->worker->breaker, loop_now_ms(ring->loop)), 0);
}

static void test_nonsense(void **state)
{
    struct ring *ring = *state;
    wire_put_job(link_packet(ring->router.worker), &(struct message_job){.job = 5});
    wire_put_ready(link_packet(ring->router.worker), &(struct message_ready){.credits = 1});
    ring_commanded(&ring->controls[0], 12345);
    wire_put_roll(link_packet(ring->controls[0].worker), &(struct message_roll){.version = 1});
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->job, 5);
    assert_int_equal(done(ring)->outcome, JOB_INVALID_ANSWER);
    assert_int_equal(ring->backend.requests, 0);
}

/* More jobs than transfers: the rest waits its turn. */
static void test_queue(void **state)
{
    struct ring *ring = *state;
    for (uint64_t i = 1; i <= 5; i++)
        ring_job(ring, i, "c1", i);
    ring_until(ring, ring->backend.waiting == 2);
    worker_measure(ring->worker);
    assert_int_equal(metric_get(METRIC_JOBS_QUEUED), 3);
    assert_int_equal(metric_get(METRIC_JOBS_IN_FLIGHT), 2);
    backend_answer_json(&ring->backend, NOTHING);
    ring_until(ring, ring_count(&ring->router, MESSAGE_DONE) == 5);
    assert_int_equal(ring->backend.requests, 5);
    assert_true(ring->backend.accepted <= 2);
}

static void test_rolls_reach_every_control(void **state)
{
    struct ring *ring = *state;
    ring_roll(ring, 4);
    ring_until(ring, ring_last(&ring->controls[0], MESSAGE_ROLL) &&
                         ring_last(&ring->controls[1], MESSAGE_ROLL));
    ring_roll(ring, 4);
    ring_roll(ring, 5);
    ring_until(ring, ring_last(&ring->controls[1], MESSAGE_ROLL)->as.roll.version == 5);
    assert_int_equal(ring_count(&ring->controls[1], MESSAGE_ROLL), 2);
    worker_measure(ring->worker);
    assert_int_equal(metric_get(METRIC_ROLL_VERSION), 5);
    assert_int_equal(metric_get(METRIC_EDGES_LIVE), 1);
}

/* What a control may have done is asked of the other one, under the same origin. */
static void test_control_goes(void **state)
{
    struct ring *ring = *state;
    backend_answer_json(&ring->backend, ANSWER_C1);
    ring_job(ring, 1, "c1", 9);
    ring_until(ring, commands(chosen(ring)));
    assert_null(commands(other(ring)));
    ring_unbind(chosen(ring));
    ring_until(ring, commands(other(ring)));
    assert_span(commands(other(ring))->origin, "c1");
    assert_int_equal(commands(other(ring))->origin_first, 9);
    assert_int_equal(commands(other(ring))->reference, commands(chosen(ring))->reference);
    ring_commanded(other(ring), commands(other(ring))->reference);
    ring_until(ring, done(ring));
    assert_int_equal(done(ring)->outcome, JOB_DELIVERED);
}

static void test_no_control(void **state)
{
    struct ring *ring = *state;
    struct node *first = &ring->controls[0];
    ring_roll(ring, 3);
    ring_until(ring, ring_last(first, MESSAGE_ROLL));
    backend_answer_json(&ring->backend, ANSWER_C1);
    for (size_t i = 0; i < RING_CONTROLS; i++)
        ring_unbind(&ring->controls[i]);
    ring_until(ring, ring->worker->controls.count == 0);
    ring_job(ring, 1, "c1", 9);
    ring_until(ring, ring->worker->jobs.counts[JOB_STATE_PARKED] == 1 && credits(ring) == 3);
    assert_null(done(ring));

    first->count = 0;
    ring_bind(ring, first, "control", "control-c");
    ring_until(ring, commands(first));
    assert_int_equal(first->messages[0].id, MESSAGE_ROLL);
    ring_commanded(first, commands(first)->reference);
    ring_until(ring, done(ring) && credits(ring) == 2);
    assert_int_equal(done(ring)->outcome, JOB_DELIVERED);
}

/* The router's session takes its jobs with it, in every state. */
static void test_router_goes(void **state)
{
    struct ring *ring = *state;
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, ring->backend.waiting == 1);
    backend_answer_json(&ring->backend, ANSWER_C1);
    ring_until(ring, commands(chosen(ring)));
    uint64_t reference = commands(chosen(ring))->reference;
    backend_forget_answers(&ring->backend);
    ring_job(ring, 2, "c2", 1);
    ring_job(ring, 3, "c3", 1);
    ring_job(ring, 4, "c4", 1);
    ring_until(ring,
               ring->backend.waiting == 2 && ring->worker->jobs.counts[JOB_STATE_QUEUED] == 1);

    ring_bind(ring, &ring->router, "router", "router-b");
    ring_until(ring, ring->backend.waiting == 0);
    assert_int_equal(ring->worker->jobs.by_reference.count, 0);
    ring->router.count = 0;
    ring_commanded(chosen(ring), reference);
    ring_until(ring, ring->router.worker && ring_last(&ring->router, MESSAGE_READY));
    backend_answer_json(&ring->backend, NOTHING);
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, done(ring));
    assert_int_equal(ring_count(&ring->router, MESSAGE_DONE), 1);
    assert_int_equal(ring->backend.requests, 4);
}

static void test_drain(void **state)
{
    struct ring *ring = *state;
    for (uint64_t i = 1; i <= 3; i++)
        ring_job(ring, i, "c1", i);
    ring_until(ring, ring->backend.waiting == 2);
    worker_drain(ring->worker);
    ring_until(ring, credits(ring) == 0 && done(ring));
    assert_int_equal(done(ring)->outcome, JOB_ABORTED);
    assert_int_equal(done(ring)->job, 3);
    ring_job(ring, 4, "c1", 4);
    ring_until(ring, done(ring)->job == 4);
    assert_int_equal(done(ring)->outcome, JOB_ABORTED);
    assert_int_equal(ring_stopped_calls, 0);
    backend_answer_json(&ring->backend, NOTHING);
    ring_until(ring, ring_stopped_calls > 0);
    assert_int_equal(ring_count(&ring->router, MESSAGE_DONE), 4);
    assert_int_equal(done(ring)->outcome, JOB_DELIVERED);
    assert_int_equal(ring->backend.requests, 2);
}

static void test_drain_with_nothing_to_do(void **state)
{
    struct ring *ring = *state;
    worker_drain(ring->worker);
    ring_until(ring, ring_stopped_calls > 0);
    assert_int_equal(credits(ring), 0);
}

static void test_drain_is_bounded(void **state)
{
    struct ring *ring = *state;
    ring_job(ring, 1, "c1", 1);
    ring_until(ring, ring->backend.waiting == 1);
    worker_drain(ring->worker);
    ring_until(ring, ring_stopped_calls > 0);
    assert_int_equal(done(ring)->outcome, JOB_ABORTED);
    ring_until(ring, ring->backend.waiting == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_once_round),
        TEST(test_token),
        TEST(test_answer_without_commands),
        TEST(test_open_is_refused_by_an_empty_answer),
        TEST(test_open_has_less_time),
        TEST(test_failures),
        TEST(test_a_target_that_is_down_is_probed),
        TEST(test_a_probe_that_is_cut),
        TEST(test_nonsense),
        TEST(test_queue),
        TEST(test_rolls_reach_every_control),
        TEST(test_control_goes),
        TEST(test_no_control),
        TEST(test_router_goes),
        TEST(test_drain),
        TEST(test_drain_with_nothing_to_do),
        cmocka_unit_test_setup_teardown(test_drain_is_bounded, set_up_hasty, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
