/* Whose edge it is: homes, judgements, orphans, the roll. */
#include "router/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/death.h"
#include "router/drain.h"
#include "tests/unit/router/store_bench.h"

static void an_expired_edge_stays_so(void **state)
{
    struct wire_message heard;

    (void)state;
    start_ready();
    change("insert into edges values ('E', 'expired', 'gone', 7, '', now(), now())");
    struct link *edge = fake_link_up("edge", "E");
    bench_adopt(edge, 1, 1);
    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_EXPIRED, &heard));
    assert_null(edge_find(bench.router, span_text("E")));
}

static void an_edge_that_went_to_another_router(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    change("update edges set home_router = 'other', home_epoch = 9;"
           "insert into routers values ('other', 1)");
    bench_text(edge, "a", 1, "x");
    say_subscribed(edge, "E.a", span_text("x"), true); /* writes nothing any more */
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    assert_true(is_shown("select count(*) from subscriptions", "0"));
    assert_true(is_shown("select state, home_router from edges", "live|other"));
    assert_int_equal(bench.router->connections.count, 0);
}

#define FAIL_ONCE(table, code)                                                                  \
    "create sequence tries; create function fail_once() returns trigger language plpgsql as $$" \
    " begin if nextval('tries') = 1 then raise exception 'not now' using errcode = '" code      \
    "'; end if; return new; end $$;"                                                            \
    "create trigger fails before insert on " table " for each row execute function fail_once();"

/* Without an answer the rows would stay as they are. */
static void a_question_that_fails_is_asked_again(void **state)
{
    const struct record_snapshot_entry entries[] = {
        {.connection = span_text("E.a"), .state = CONNECTION_OPEN, .opened_at_ms = 1}};

    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    int64_t failures = metric_get(METRIC_DATABASE_FAILURES);
    change(FAIL_ONCE("edges", "40001") "delete from edges; delete from connections");
    say_subscribed(edge, "E.a", span_text("x"), true); /* finds that the rows are lost */
    snapshot_page(edge, entries, 1);
    SHOWN("select connection_id, edges.state from connections, edges", "E.a|live");
    assert_int_equal(metric_get(METRIC_DATABASE_FAILURES), failures + 1);
}

static void a_judgement_that_fails_is_made_again(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    int64_t failures = metric_get(METRIC_DATABASE_FAILURES);
    change(FAIL_ONCE("edges", "55P03"));
    fake_link_down(edge);
    bench_done(worker, bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE), JOB_DELIVERED, 200);
    SHOWN("select state from edges", "expired");
    assert_int_equal(metric_get(METRIC_DATABASE_FAILURES), failures + 1);
}

static void a_judgement_that_is_lost(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    fake_link_set_silent(edge, 300);
    change("update edges set home_router = 'other', home_epoch = 9;"
           "insert into routers values ('other', 1)");
    fake_link_set_silent(edge, 500);
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    bench_no_job(&bench, worker); /* no CLOSE: it is not ours to say */
    assert_true(is_shown("select state from edges", "live"));
}

static void a_judgement_that_is_won(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    /* a row that memory does not know */
    change("insert into connections (connection_id, edge_id, state) values ('E.b', 'E', 'open')");
    fake_link_down(edge);
    uint64_t first = bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    uint64_t second = bench_job(&bench, worker, "b", BATCH_SEQUENCE_CLOSE);
    SHOWN("select state, ended_at is not null from edges", "expired|t");
    bench_done(worker, first, JOB_DELIVERED, 200);
    SHOWN("select connection_id from connections", "E.b");
    bench_done(worker, second, JOB_DELIVERED, 200);
    SHOWN("select count(*) from connections", "0");
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
}

/* The session ends, another router declares the edge dead, and we are back. */
static void lose_the_edge_while_away(void)
{
    BENCH_UNTIL(&bench, bench.router->projection.changes == 0);
    database_restart(bench.router->store.database, "for a test");
    change("update edges set state = 'expired', home_router = 'other', ended_at = now(),"
           " home_epoch = home_epoch + 1");
    BENCH_UNTIL(&bench, !store_is_ready(bench.router));
    BENCH_UNTIL(&bench, store_is_ready(bench.router));
    const struct edge *edge = edge_find(bench.router, span_text("E"));
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")) || !edge->unit);
}

/* It has exited: what it has handed over is with nobody else, whoever has told its end. */
static void an_edge_that_has_left_and_expires(void **state)
{
    int64_t expired = metric_get(METRIC_EDGES_EXPIRED);

    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    open_connection(edge, worker, "a", "E.a");
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "a", 2, "y");
    bench_close(edge, "a", 3);
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_LEAVING});
    fake_link_down(edge);
    uint64_t job = bench_job(&bench, worker, "a", 1);
    SHOWN("select state from edges", "leaving");
    lose_the_edge_while_away();
    bench_done(worker, job, JOB_DELIVERED, 200);
    bench_done(worker, bench_job(&bench, worker, "a", 2), JOB_DELIVERED, 200);
    bench_done(worker, bench_job(&bench, worker, "a", 3), JOB_DELIVERED, 200);
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    assert_true(is_shown("select state, home_router from edges", "expired|other"));
    assert_int_equal(metric_get(METRIC_EDGES_EXPIRED), expired); /* the other has counted it */
}

/* Its death is recorded once more, as after rows that could not be read; meanwhile a row of it
 * changes, and another router has it. */
static void a_dead_edge_that_another_router_has(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    fake_link_down(edge);
    uint64_t job = bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    struct edge *dead = edge_find(bench.router, span_text("E"));
    BENCH_UNTIL(&bench, !dead->is_unsettled && projection_is_idle(dead));
    change("update edges set home_router = 'other', home_epoch = home_epoch + 1");
    postgres_freeze(&server, true);
    death_record(dead);
    bench_done(worker, job, JOB_DELIVERED, 200);
    assert_false(projection_is_idle(dead));
    BENCH_UNTIL(&bench, !list_is_linked(&dead->projection.of_dirty)); /* the question comes first */
    postgres_freeze(&server, false);
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    assert_int_equal(bench.router->projection.changes, 0);
}

static void orphans_are_taken_over(void **state)
{
    (void)state;
    start_ready();
    change("insert into routers values ('gone', 5), ('alive', 5);"
           "insert into edges (edge_id, state, home_router, home_epoch)"
           " values ('D', 'expired', 'gone', 7), ('E', 'live', 'gone', 7),"
           "        ('F', 'live', 'alive', 7), ('G', 'live', 'gone', 7);"
           "insert into connections (connection_id, edge_id, state, metadata)"
           " values ('D.a', 'D', 'closing', null), ('E.a', 'E', 'opening', '\"m\"'),"
           "        ('F.a', 'F', 'open', null), ('G.a', 'G', 'open', null)");
    struct link *worker = bench_worker(&bench, 10);
    struct link *heard = fake_link_up("edge", "G"); /* greets, and has not chosen a home yet */
    struct wire_message job;
    size_t jobs = 0;
    for (int beats = 0; jobs < 2; beats++) {
        assert_true(beats < 500);
        change("update routers set beat = beat + 1 where router = 'alive'");
        loop_turn(bench.loop, 20);
        while (fake_link_hear_id(worker, MESSAGE_JOB, &job)) {
            struct span id = job.as.job.items.items[0].connection;
            assert_true(span_is(id, "D.a") || span_is(id, "E.a"));
            bench_done(worker, job.as.job.job, JOB_DELIVERED, 200);
            jobs++;
        }
    }
    SHOWN("select string_agg(edge_id || ' ' || state, ' ' order by edge_id) from edges",
          "D expired E expired F live G live");
    SHOWN("select string_agg(connection_id, ' ' order by 1) from connections", "F.a G.a");
    assert_true(orphans_others_live(bench.router));
    fake_link_down(heard);
}

static bool roll_holds(struct link *worker, const char *live, const char *dead)
{
    struct wire_message heard;

    if (!fake_link_hear_id(worker, MESSAGE_ROLL, &heard))
        return false;
    const struct message_roll *roll = &heard.as.roll;
    return roll->live.count == 1 && span_is(roll->live.items[0].edge, live) &&
           roll->dead.count == 1 && span_is(roll->dead.items[0].edge, dead);
}

/* A roll without an edge that lives would let a control believe that it knows everybody. */
static void the_first_roll_is_complete(void **state)
{
    (void)state;
    start_ready();
    void *actor = bench.router;
    router_destroy(&actor);
    change("insert into edges (edge_id, state, home_router, home_epoch, ended_at)"
           " values ('D', 'expired', 'gone', 7, now()), ('E', 'live', 'gone', 7, null)");
    bench_start(&bench);
    struct link *worker = bench_worker(&bench, 0);
    BENCH_UNTIL(&bench, roll_holds(worker, "E", "D"));
}

static bool is_noted(const char *note)
{
    struct readiness readiness = {0};
    struct buffer text = {0};

    router_check_ready(bench.router, &readiness);
    readiness_write_text(&readiness, &text);
    buffer_append_byte(&text, '\0');
    bool is_there = strstr(text.data, note);
    buffer_fini(&text);
    readiness_fini(&readiness);
    return is_there;
}

/* What other routers have left cannot be seen. Those must not take this one for lost, controls get
 * a roll all the same, and operators hear of it. */
static void scans_that_fail(void **state)
{
    struct wire_message heard;
    char sql[128];

    (void)state;
    start_ready();
    void *actor = bench.router;
    router_destroy(&actor);
    change("alter table connections rename column edge_id to not_this"); /* only the scan fails */
    bench_start(&bench);
    struct link *worker = bench_worker(&bench, 0);
    BENCH_UNTIL(&bench, is_noted("no scan for orphans: column c.edge_id does not exist"));
    BENCH_UNTIL(&bench, fake_link_hear_id(worker, MESSAGE_ROLL, &heard));
    assert_false(bench.router->orphans.has_scanned);
    char *beats = postgres_ask(&server, "select sum(beat) from \"bench-1\".routers");
    snprintf(sql, sizeof sql, "select sum(beat) > %s from routers", beats);
    free(beats);
    SHOWN(sql, "t");
    change("alter table connections rename column not_this to edge_id");
    BENCH_UNTIL(&bench, bench.router->orphans.has_scanned);
    assert_false(is_noted("no scan"));
}

static void the_router_signs_off(void **state)
{
    (void)state;
    start_ready();
    (void)bench_edge(&bench, "E");
    SHOWN("select count(*) from routers", "1");
    router_drain(bench.router);
    BENCH_UNTIL(&bench, fake_lifecycle_exit == 0);
    assert_true(is_shown("select count(*) from routers", "0"));
}

/* It is acknowledged, and exits: what it has handed over is with nobody else. */
static void an_edge_that_leaves_a_router_that_signs_off(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    BENCH_UNTIL(&bench, bench.router->projection.changes == 0);
    router_drain(bench.router);
    assert_true(bench.router->has_signed_off); /* and not answered yet */
    bench_text(edge, "a", 1, "x");
    bench_close(edge, "a", 2);
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_LEAVING});
    fake_link_down(edge);
    uint64_t job = bench_job(&bench, worker, "a", 1);
    BENCH_UNTIL(&bench, !bench.router->has_signed_off || fake_lifecycle_exit == 0);
    SHOWN("select count(*) from routers", "1");
    assert_int_equal(fake_lifecycle_exit, -1);
    bench_done(worker, job, JOB_DELIVERED, 200);
    bench_done(worker, bench_job(&bench, worker, "a", 2), JOB_DELIVERED, 200);
    BENCH_UNTIL(&bench, fake_lifecycle_exit == 0);
    assert_true(is_shown("select state from edges", "left"));
    assert_true(is_shown("select count(*) from connections", "0"));
    assert_true(is_shown("select count(*) from routers", "0"));
}

/* Clients do not wait for rows longer than a moment. */
static void the_router_signs_off_behind_a_slow_postgresql(void **state)
{
    enum { PEER_TIMEOUT_MS = 300000, TICK_MS = PEER_TIMEOUT_MS / 20 };

    (void)state;
    bench.config.drain_ms = 60000;
    bench.config.peer_timeout_ms = PEER_TIMEOUT_MS;
    start_ready();
    struct link *edge = bench_edge(&bench, "E");
    postgres_freeze(&server, true);
    bench_open(edge, "a", 5000);
    router_drain(bench.router);
    assert_false(bench.router->has_signed_off);
    BENCH_UNTIL(&bench, bench.router->has_signed_off);
    int64_t taken_ms = loop_now_ms(bench.loop) - bench.router->drain_began_ms;
    postgres_freeze(&server, false);
    assert_in_range(taken_ms, DRAIN_PAUSE_MS / 2, TICK_MS / 2);
    BENCH_UNTIL(&bench, fake_lifecycle_exit == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(an_expired_edge_stays_so),
        STORE_TEST(an_edge_that_went_to_another_router),
        STORE_TEST(a_question_that_fails_is_asked_again),
        STORE_TEST(a_judgement_that_fails_is_made_again),
        STORE_TEST(a_judgement_that_is_lost),
        STORE_TEST(a_judgement_that_is_won),
        STORE_TEST(an_edge_that_has_left_and_expires),
        STORE_TEST(a_dead_edge_that_another_router_has),
        STORE_TEST(orphans_are_taken_over),
        STORE_TEST(the_first_roll_is_complete),
        STORE_TEST(scans_that_fail),
        STORE_TEST(the_router_signs_off),
        STORE_TEST(an_edge_that_leaves_a_router_that_signs_off),
        STORE_TEST(the_router_signs_off_behind_a_slow_postgresql),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
