/* Dead letters: written before they are acknowledged, and readable. */
#include "router/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/contract/event.h"
#include "common/database/internal.h" /* for a queue that is soon full */
#include "common/process/metrics.h"
#include "router/connection.h"
#include "tests/unit/router/store_bench.h"

static void a_dead_letter_can_be_replayed(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    const struct record_event events[] = {
        {.kind = EVENT_TEXT, .data = span_text("a\"b")},
        {.kind = EVENT_BINARY, .data = span_of("\0\xff", 2)},
    };
    fake_link_say(edge,
                  &(struct wire_message){.id = MESSAGE_BATCH,
                                         .as.batch = {.connection = span_text("E.a"),
                                                      .first = 1,
                                                      .last = 2,
                                                      .events = {.items = events, .count = 2}}});
    bench_text(edge, "a", 3, "next");
    bench_done(worker, bench_job(&bench, worker, "a", 1), JOB_STATUS, 410);
    bench_ack(&bench, edge, "a", 2, ACK_DEAD_LETTER, 0);
    (void)bench_job(&bench, worker, "a", 3);
    SHOWN("select idempotency_key, connection_id, kind, first_sequence, last_sequence, metadata,"
          " attempts, last_status, last_error from dead_letters",
          "E.a:1-2|E.a|events|1|2|{\"m\":1}|1|410|because");
    SHOWN("select events from dead_letters",
          "[{\"type\":\"TEXT\",\"connectionId\":\"E.a\",\"data\":\"a\\\"b\"},"
          "{\"type\":\"BINARY\",\"connectionId\":\"E.a\",\"data\":\"AP8=\"}]");
    SHOWN("select events, kind from dead_letters_waiting", "2|events");
}

static void a_close_may_be_a_dead_letter(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    fake_link_down(edge);
    bench_done(worker, bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE), JOB_STATUS, 400);
    SHOWN("select idempotency_key, kind, events from dead_letters",
          "E.a:close|close|[{\"type\":\"CLOSE\",\"connectionId\":\"E.a\",\"code\":1006,"
          "\"reason\":\"edge lost\"}]");
    SHOWN("select count(*) from connections", "0");
}

static void dead_letters_wait_for_postgresql(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    postgres_stop(&server, "fast");
    BENCH_UNTIL(&bench, !store_is_ready(bench.router));
    bench_text(edge, "a", 1, "x");
    bench_done(worker, bench_job(&bench, worker, "a", 1), JOB_STATUS, 400);
    bench_no_ack(&bench, edge);
    postgres_start(&server);
    bench_ack(&bench, edge, "a", 1, ACK_DEAD_LETTER, 0);
    assert_true(is_shown("select count(*) from dead_letters", "1"));
}

static void ignore_answer(void *context, const struct database_answer *answer)
{
    (void)context;
    (void)answer;
}

/* What /readyz says besides: a router that waits for PostgreSQL serves all the same. */
static bool is_noted(const char *note)
{
    struct readiness readiness = {0};
    struct buffer text = {0};

    router_check_ready(bench.router, &readiness);
    assert_true(readiness_is_ready(&readiness));
    readiness_write_text(&readiness, &text);
    buffer_append_byte(&text, '\0');
    bool is_found = strstr(text.data, note) != NULL;
    buffer_fini(&text);
    readiness_fini(&readiness);
    return is_found;
}

static void dead_letters_that_postgresql_does_not_take(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    const struct dead_letters *letters;

    (void)state;
    start_ready();
    letters = &bench.router->dead_letters;
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    int64_t failures = metric_get(METRIC_DATABASE_FAILURES);
    change("create sequence tries; create function fails() returns trigger language plpgsql as $$"
           " begin perform nextval('tries');"
           "  raise exception 'No space left' using errcode = '53100'; end $$;"
           "create trigger fails before insert on dead_letters for each row"
           " execute function fails()");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        bench_text(edge, names[i], 1, "x");
        bench_done(worker, bench_job(&bench, worker, names[i], 1), JOB_STATUS, 400);
    }
    BENCH_UNTIL(&bench, is_noted("dead letters"));
    BENCH_UNTIL(&bench, list_is_empty(&letters->writing));
    assert_true(metric_get(METRIC_DATABASE_FAILURES) > failures);
    bench_no_ack(&bench, edge);
    while (!is_shown("select last_value > 3 from tries", "t")) { /* later, and one at a time */
        assert_true(list_is_empty(&letters->writing) ||
                    letters->writing.next->next == &letters->writing);
        loop_turn(bench.loop, 10);
    }
    change("drop trigger fails on dead_letters");
    SHOWN("select count(*) from dead_letters", "3");
    BENCH_UNTIL(&bench, list_is_empty(&letters->writing) && !is_noted("dead letters"));
}

/* One that is larger than the queue to PostgreSQL waits until that is empty, and keeps nobody. */
static void a_dead_letter_larger_than_the_queue(void **state)
{
    static const struct database_statement sleep = {"test_sleep", "select pg_sleep(0)"};
    const struct dead_letters *letters;
    char large[40000];

    (void)state;
    start_ready();
    letters = &bench.router->dead_letters;
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    bench_text(edge, "a", 1, large);
    bench_text(edge, "b", 1, "x");
    uint64_t a = bench_job(&bench, worker, "a", 1), b = bench_job(&bench, worker, "b", 1);
    SHOWN("select count(*) from connections", "2");
    bench.router->store.database->options.queue_bytes = sizeof large;
    postgres_freeze(&server, true);
    assert_int_equal(
        database_query(bench.router->store.database, &sleep, NULL, 0, ignore_answer, NULL, NULL),
        0);
    bench_done(worker, a, JOB_STATUS, 400);
    bench_done(worker, b, JOB_STATUS, 400);
    BENCH_UNTIL(&bench, !list_is_empty(&letters->writing));
    assert_false(list_is_empty(&letters->waiting));
    postgres_freeze(&server, false);
    bench_ack(&bench, edge, "b", 1, ACK_DEAD_LETTER, 0);
    bench_ack(&bench, edge, "a", 1, ACK_DEAD_LETTER, 0);
    assert_true(is_shown("select count(*) from dead_letters", "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_dead_letter_can_be_replayed),
        STORE_TEST(a_close_may_be_a_dead_letter),
        STORE_TEST(dead_letters_wait_for_postgresql),
        STORE_TEST(dead_letters_that_postgresql_does_not_take),
        STORE_TEST(a_dead_letter_larger_than_the_queue),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
