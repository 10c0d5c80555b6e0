/* Dead letters are not kept for ever: what is too old goes, and what is too much. */
#include "router/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/database/internal.h" /* for a queue that is full */
#include "tests/unit/router/store_bench.h"

/* Letters 1 … count, each a minute younger than the one before, 1000 bytes each. */
static void fill_letters(int count)
{
    char sql[512];

    snprintf(sql, sizeof sql,
             "insert into dead_letters (idempotency_key, connection_id, kind, first_sequence,"
             " last_sequence, events, attempts, created_at, bytes) select 'E.a:' || n, 'E.a',"
             " 'events', n, n, '[{\"type\":\"TEXT\",\"data\":\"x\"}]', 1, now() - (%d - n) * "
             "interval '1 minute', 1000"
             " from generate_series(1, %d) as n",
             count, count);
    change(sql);
}

/* The router begins again, with these limits. */
static void begin_again(int64_t keep_ms, int64_t limit_bytes)
{
    void *actor = bench.router;

    router_destroy(&actor);
    bench.config.dead_letter_keep_ms = keep_ms;
    bench.config.dead_letter_limit_bytes = limit_bytes;
    bench_start(&bench);
}

static bool is_locked(void)
{
    return is_shown("select count(*) from pg_locks where locktype = 'advisory'", "1");
}

static void above_the_limit_the_oldest_go(void **state)
{
    int64_t deleted = metric_get_label(METRIC_DEAD_LETTERS_DELETED, LABEL_RETENTION_LIMIT);

    (void)state;
    start_ready();
    fill_letters(20);
    change("insert into routers values ('other', 1);"
           " update dead_letters set replay_requested_at = now(), replay_claimed_by = 'other'"
           "  where first_sequence = 1;"
           " update dead_letters set replayed_at = now() where first_sequence = 20");
    begin_again(0, 10000);
    SHOWN("select string_agg(first_sequence::text, ' ' order by id) from dead_letters",
          "1 13 14 15 16 17 18 19 20"); /* with room for a tenth; the first is in a router's hand */
    BENCH_UNTIL(&bench, !bench.router->retention.unit);
    assert_int_equal(metric_get_label(METRIC_DEAD_LETTERS_DELETED, LABEL_RETENTION_LIMIT),
                     deleted + 11);
    assert_false(is_locked());
}

static void many_go_in_steps(void **state)
{
    (void)state;
    start_ready();
    fill_letters(350);
    begin_again(0, 20000);
    SHOWN("select count(*), min(first_sequence) from dead_letters", "18|333");
}

static void the_old_go(void **state)
{
    (void)state;
    start_ready();
    fill_letters(305);
    change("update dead_letters set replayed_at = now() where first_sequence = 1;"
           " update dead_letters set replay_requested_at = now() where first_sequence = 2");
    begin_again(180 * 60 * 1000 + 30 * 1000, 0);
    SHOWN("select count(*), sum(first_sequence) filter (where first_sequence < 125),"
          " min(first_sequence) filter (where first_sequence > 2) from dead_letters",
          "182|2|125");
}

/* Also where those before and behind a step are of the same moment. */
static void very_many_letters_are_measured_in_steps(void **state)
{
    (void)state;
    start_ready();
    fill_letters(20050);
    change("update dead_letters set created_at = now()");
    begin_again(0, 20040 * 1000);
    SHOWN("select count(*), min(first_sequence) from dead_letters", "18036|2015");
    BENCH_UNTIL(&bench, !bench.router->retention.unit);
    assert_false(is_locked());
}

/* What this router writes is measured before it can be much more than the limit. */
static void letters_that_come_are_counted(void **state)
{
    (void)state;
    bench.config.dead_letter_limit_bytes = 3000;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    for (uint64_t n = 1; n <= 3; n++) {
        bench_text(edge, "a", n, "x");
        bench_done(worker, bench_job(&bench, worker, "a", n), JOB_STATUS, 400);
        bench_ack(&bench, edge, "a", n, ACK_DEAD_LETTER, 0);
    }
    SHOWN("select string_agg(first_sequence::text, ' ' order by id), min(bytes) > 1024,"
          " max(bytes) < 1200 from dead_letters",
          "2 3|t|t");
}

static void ignore_answer(void *context, const struct database_answer *answer)
{
    (void)context;
    (void)answer;
}

/* Between two steps of it, the queue to PostgreSQL has no place: the lock is not kept for long. */
static void a_sweep_that_is_cut_short(void **state)
{
    static const struct database_statement nothing = {"test_nothing", "select 1"};
    const struct retention *retention;

    (void)state;
    start_ready();
    fill_letters(350);
    begin_again(0, 20000);
    retention = &bench.router->retention;
    BENCH_UNTIL(&bench, retention->deleted > 0 && retention->unit);
    struct database *database = bench.router->store.database;
    size_t queue_bytes = database->options.queue_bytes;
    assert_int_equal(database_query(database, &nothing, NULL, 0, ignore_answer, NULL, NULL), 0);
    database->options.queue_bytes = 1;
    BENCH_UNTIL(&bench, !retention->unit);
    assert_int_equal(retention->deleted, 0); /* it is told */
    assert_true(is_locked());
    database->options.queue_bytes = queue_bytes;
    SHOWN("select count(*) from dead_letters", "18");
    BENCH_UNTIL(&bench, !retention->unit);
    assert_false(is_locked());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(above_the_limit_the_oldest_go),
        STORE_TEST(many_go_in_steps),
        STORE_TEST(the_old_go),
        STORE_TEST(very_many_letters_are_measured_in_steps),
        STORE_TEST(letters_that_come_are_counted),
        STORE_TEST(a_sweep_that_is_cut_short),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
