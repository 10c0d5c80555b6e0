/* Dead letters: written before they are acknowledged, and readable. */
#include "router/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/contract/event.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_dead_letter_can_be_replayed),
        STORE_TEST(a_close_may_be_a_dead_letter),
        STORE_TEST(dead_letters_wait_for_postgresql),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
