/* Replays of dead letters, with PostgreSQL. */
#include "router/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/process/metrics.h"
#include "tests/unit/router/store_bench.h"

#define LETTER(id, request)                                                                \
    "insert into dead_letters overriding system value values (" #id ", 'E.a:" #id "-" #id  \
    "', 'E.a', 'events', " #id ", " #id ", '{\"m\":1}',"                                   \
    " '[{\"type\":\"TEXT\",\"connectionId\":\"E.a\",\"data\":\"x\"}]', 3, 400, 'was bad'," \
    " now(), null, " request ");"
#define REPLAY_IS(expected)                                                      \
    SHOWN("select attempts, last_status, last_error, replayed_at is not null,"   \
          " replay_requested_at is not null, replay_claimed_by is not null,"     \
          " replay_failed_at is not null from dead_letters order by id limit 1", \
          expected)

static uint64_t hear_replay(struct link *worker, uint64_t first, const char *origin)
{
    struct wire_message heard;

    BENCH_UNTIL(&bench, fake_link_hear_id(worker, MESSAGE_JOB, &heard));
    const struct message_job *job = &heard.as.job;
    assert_true(span_is(job->origin, origin));
    assert_int_equal(job->items.count, 1);
    assert_true(span_is(job->items.items[0].connection, "E.a"));
    assert_true(span_is(job->items.items[0].metadata, "{\"m\":1}"));
    assert_int_equal(job->items.items[0].first, first);
    assert_int_equal(job->items.items[0].events.count, 1);
    assert_true(span_is(job->items.items[0].events.items[0].data, "x"));
    return job->job;
}

static void a_replay_that_is_delivered(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change(LETTER(1, "now()") LETTER(2, "null"));
    uint64_t job = hear_replay(worker, 1, "dead-letter:1");
    SHOWN("select replay_claimed_by = (select router from routers) from dead_letters where id = 1",
          "t");
    bench_done(worker, job, JOB_STATUS, 500); /* the usual retries */
    fake_link_down(worker);
    worker = bench_worker(&bench, 10);
    job = hear_replay(worker, 1, "dead-letter:1");
    fake_link_down(worker); /* does not count */
    worker = bench_worker(&bench, 10);
    bench_delivered(worker, hear_replay(worker, 1, "dead-letter:1"), "E.a", 1, OPEN_VERDICT_NONE,
                    NULL);
    REPLAY_IS("5|200||t|f|f|f");
    bench_no_job(&bench, worker); /* nobody asked for the other */
    BENCH_UNTIL(&bench, bench.router->replays.by_id.count == 0);
    BENCH_UNTIL(&bench, bench.router->replays.waiting == 1);
    assert_int_equal(bench.router->connections.count, 0);
}

static void a_replay_that_fails_waits_for_the_next_request(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change(LETTER(1, "now()"));
    for (int i = 0; i < 3; i++)
        bench_done(worker, hear_replay(worker, 1, "dead-letter:1"), JOB_TIMED_OUT, 0);
    REPLAY_IS("6||because|f|f|f|t");
    BENCH_UNTIL(&bench, bench.router->replays.by_id.count == 0);
    bench_no_job(&bench, worker);
    change("update dead_letters set replay_requested_at = now()");
    bench_done(worker, hear_replay(worker, 1, "dead-letter:1"), JOB_STATUS, 422);
    REPLAY_IS("7|422|because|f|f|f|t"); /* at once */
}

static void a_letter_that_cannot_be_read(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change(LETTER(1, "null") "update dead_letters set events = '[]', replay_requested_at = now()");
    REPLAY_IS("3||the row is no batch|f|f|f|t");
    bench_no_job(&bench, worker);
}

/* Another router's, for as long as it beats. */
static void the_claim_of_another_router(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change("insert into routers values ('other', 1);" LETTER(1, "now(), 'other'"));
    for (int beat = 0; beat < 12; beat++) { /* each look takes a quarter of PEER_TIMEOUT at least */
        int64_t until_ms = loop_now_ms(bench.loop) + bench.config.peer_timeout_ms / 4;
        change("update routers set beat = beat + 1 where router = 'other'");
        BENCH_UNTIL(&bench, loop_now_ms(bench.loop) >= until_ms);
        bench_no_job(&bench, worker);
    }
    uint64_t job = hear_replay(worker, 1, "dead-letter:1"); /* it stands still */
    /* and the other one ends it: what we say of a failure then does not count */
    change("update dead_letters set replay_claimed_by = 'third'");
    bench_done(worker, job, JOB_STATUS, 422);
    BENCH_UNTIL(&bench, bench.router->replays.by_id.count == 0);
    assert_true(is_shown("select attempts, replay_claimed_by from dead_letters", "3|third"));
}

static void the_end_of_a_replay_waits_for_postgresql(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change(LETTER(1, "now()"));
    uint64_t job = hear_replay(worker, 1, "dead-letter:1");
    postgres_stop(&server, "immediate");
    BENCH_UNTIL(&bench, !store_is_ready(bench.router));
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    postgres_start(&server);
    REPLAY_IS("4|200||t|f|f|f");
    bench_no_job(&bench, worker);
}

static void the_end_of_a_replay_that_postgresql_does_not_take(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 10);
    change(LETTER(1, "now()"));
    uint64_t job = hear_replay(worker, 1, "dead-letter:1");
    int64_t failures = metric_get(METRIC_DATABASE_FAILURES);
    change("create function fails() returns trigger language plpgsql as $$"
           " begin raise exception 'No space left' using errcode = '53100'; end $$;"
           "create trigger fails before update of attempts on dead_letters for each row"
           " execute function fails()");
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    BENCH_UNTIL(&bench, metric_get(METRIC_DATABASE_FAILURES) > failures);
    struct readiness readiness = {0};
    router_check_ready(bench.router, &readiness);
    assert_true(readiness_is_ready(&readiness));
    assert_true(readiness.notes.length > 0);
    readiness_fini(&readiness);
    change("drop trigger fails on dead_letters");
    REPLAY_IS("4|200||t|f|f|f");
    BENCH_UNTIL(&bench, bench.router->replays.by_id.count == 0);
    bench_no_job(&bench, worker);
}

static void more_replays_than_one_router_holds(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 1);
    change("insert into dead_letters (idempotency_key, connection_id, kind, first_sequence,"
           " last_sequence, events, attempts, replay_requested_at) select 'E.a:' || n || '-' || n,"
           " 'E.a', 'events', n, n, '[{\"type\":\"TEXT\",\"data\":\"x\"}]', 1, now()"
           " from generate_series(1, 40) as g (n)");
    for (int i = 0; i < 40; i++) {
        struct wire_message heard;
        BENCH_UNTIL(&bench, fake_link_hear_id(worker, MESSAGE_JOB, &heard));
        assert_true(bench.router->replays.by_id.count <= REPLAYS_MAX);
        bench_done(worker, heard.as.job.job, JOB_DELIVERED, 200);
    }
    SHOWN("select count(*) from dead_letters where replayed_at is not null", "40");
}

/* What is under way ends, the rest is given back at once. */
static void a_router_that_leaves_gives_its_claims_back(void **state)
{
    (void)state;
    start_ready();
    struct link *worker = bench_worker(&bench, 1);
    change(LETTER(1, "now()") LETTER(2, "now()"));
    uint64_t job = hear_replay(worker, 1, "dead-letter:1");
    BENCH_UNTIL(&bench, bench.router->replays.by_id.count == 2);
    router_drain(bench.router);
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    BENCH_UNTIL(&bench, fake_lifecycle_exit == 0);
    bench_no_job(&bench, worker);
    assert_true(is_shown("select id, replayed_at is not null, replay_requested_at is not null,"
                         " replay_claimed_by is null from dead_letters order by id",
                         "1|t|f|t\n2|f|t|t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_replay_that_is_delivered),
        STORE_TEST(a_replay_that_fails_waits_for_the_next_request),
        STORE_TEST(a_letter_that_cannot_be_read),
        STORE_TEST(the_claim_of_another_router),
        STORE_TEST(the_end_of_a_replay_waits_for_postgresql),
        STORE_TEST(the_end_of_a_replay_that_postgresql_does_not_take),
        STORE_TEST(more_replays_than_one_router_holds),
        STORE_TEST(a_router_that_leaves_gives_its_claims_back),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
