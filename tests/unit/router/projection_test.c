/* What the tables show, while PostgreSQL is there, away, and back. */
#include "router/projection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/change_set.h"
#include "router/connection.h"
#include "tests/unit/router/store_bench.h"

static void the_life_of_a_row(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    SHOWN("select edge_id, state, home_epoch, address from edges", "E|live|1|here:80");
    bench_open(edge, "a", 5000);
    SHOWN("select connection_id, edge_id, state, metadata, ip, path, opened_at from connections",
          "E.a|E|opening|{\"m\":1}|192.0.2.9|/p|");
    bench_delivered(worker, bench_job(&bench, worker, "a", 0), "E.a", 0, OPEN_VERDICT_ACCEPTED,
                    "{\"nul\":\"\\u0000\"}");
    say_opened(edge, "E.a");
    say_subscribed(edge, "E.a", span_text("x"), true);
    say_subscribed(edge, "E.a", span_text("\xc3\xa4 \"{,}\\"), true);
    SHOWN("select state, metadata, ip, extract(epoch from opened_at)::bigint from connections",
          "open|{\"nul\":\"\\u0000\"}|192.0.2.9|1700000000");
    SHOWN("select channels from clients", "{x,\"\xc3\xa4 \\\"{,}\\\\\"}");
    say_subscribed(edge, "E.a", span_text("x"), false);
    SHOWN("select channel, members from channels", "\xc3\xa4 \"{,}\\|1");
    bench_close(edge, "a", 1);
    SHOWN("select state, (select count(*) from subscriptions) from connections", "closing|0");
    bench_delivered(worker, bench_job(&bench, worker, "a", 1), "E.a", 1, OPEN_VERDICT_NONE, NULL);
    SHOWN("select count(*) from connections", "0");
}

static void a_refused_open_leaves_no_row(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_open(edge, "a", 5000);
    SHOWN("select count(*) from connections", "1");
    bench_delivered(worker, bench_job(&bench, worker, "a", 0), "E.a", 0, OPEN_VERDICT_REFUSED,
                    NULL);
    SHOWN("select count(*) from connections", "0");
}

/* Rows that PostgreSQL refuses do not keep the others out, nor what comes later. */
static void a_refused_row_is_left_out(void **state)
{
    char name[16];

    (void)state;
    start_ready();
    bench.config.projection_ms = 50;
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 100);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "E.c%02d", i);
        bench_open(edge, name + 2, 5000);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "E.c%02d", i);
        say_subscribed(edge, name, i == 7 ? span_text("\xff") : span_text("good"), true);
    }
    say_subscribed(edge, "E.c13", span_of("a\0b", 3), true);
    SHOWN("select count(*) from connections", "20");
    SHOWN("select channel, members from channels", "good|19");
    say_subscribed(edge, "E.c00", span_text("later"), true);
    SHOWN("select count(*) from subscriptions", "20");
    fake_link_down(worker);
}

/* The row of a connection, which its CLOSE after a crash needs, does not go with a membership that
 * PostgreSQL cannot index. */
static void a_channel_too_long_for_postgresql(void **state)
{
    char channel[4096];
    uint32_t random = 1;

    (void)state;
    start_ready();
    bench.config.projection_ms = 50;
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 100);
    for (size_t i = 0; i < sizeof channel; i++) { /* which no compression makes shorter */
        random = random * 1103515245 + 12345;
        channel[i] = (char)('0' + (random >> 16) % 75);
    }
    bench_open(edge, "a", 5000);
    say_subscribed(edge, "E.a", span_text("before"), true);
    say_subscribed(edge, "E.a", span_of(channel, sizeof channel), true);
    say_subscribed(edge, "E.a", span_text("behind"), true);
    SHOWN("select connection_id, array_to_string(channels, ' ') from clients", "E.a|before behind");
    fake_link_down(worker);
}

/* The rows of an edge that returns become what its snapshot says. */
static void a_snapshot_is_the_truth(void **state)
{
    const struct record_channel_name channels[] = {{.channel = span_text("new")},
                                                   {.channel = span_text("both")}};
    const struct record_snapshot_entry entries[] = {{.connection = span_text("E.a"),
                                                     .state = CONNECTION_OPEN,
                                                     .opened_at_ms = 1700000000000,
                                                     .metadata = span_text("\"now\""),
                                                     .channels = {.items = channels, .count = 2}}};

    (void)state;
    start_ready();
    change("insert into edges values ('E', 'live', 'gone', 7);"
           "insert into connections (connection_id, edge_id, state, metadata)"
           " values ('E.a', 'E', 'opening', '\"old\"'), ('E.z', 'E', 'open', null),"
           "        ('F.a', 'F', 'open', null);"
           "insert into subscriptions (connection_id, channel)"
           " values ('E.a', 'old'), ('E.a', 'both'), ('E.z', 'old'), ('F.a', 'old')");
    struct link *edge = fake_link_up("edge", "E");
    bench_adopt(edge, 1, 1);
    snapshot_page(edge, entries, 1);
    SHOWN("select string_agg(connection_id || ' ' || state || coalesce(metadata::text, ''), ' '"
          " order by connection_id) from connections",
          "E.a open\"now\" F.a open");
    SHOWN("select string_agg(connection_id || ' ' || channel, ' ' order by connection_id, channel)"
          " from subscriptions",
          "E.a both E.a new F.a old");
    SHOWN("select state, home_epoch, home_router <> 'gone' from edges where edge_id = 'E'",
          "live|8|t");
}

/* PostgreSQL goes and comes back: what it missed is told by the snapshot. */
static void postgresql_comes_back(void **state)
{
    const struct record_snapshot_entry entries[] = {
        {.connection = span_text("E.b"), .state = CONNECTION_OPEN, .opened_at_ms = 1}};

    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select connection_id, state from connections", "E.a|open");
    postgres_stop(&server, "immediate");
    BENCH_UNTIL(&bench, !store_is_ready(bench.router));
    bench_close(edge, "a", 1);
    bench_delivered(worker, bench_job(&bench, worker, "a", 1), "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    open_connection(edge, worker, "b", "E.b");
    postgres_start(&server);
    BENCH_UNTIL(&bench, store_is_ready(bench.router));
    snapshot_page(edge, entries, 1);
    SHOWN("select connection_id, state from connections", "E.b|open");
}

/* What waits for a PostgreSQL that does not answer is bounded; afterwards the snapshot tells. */
static void more_changes_than_may_wait(void **state)
{
    const struct record_channel_name channels[] = {{.channel = span_text("few")}};
    const struct record_snapshot_entry entries[] = {{.connection = span_text("E.a"),
                                                     .state = CONNECTION_OPEN,
                                                     .opened_at_ms = 1,
                                                     .channels = {.items = channels, .count = 1}}};
    char channel[1000];

    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    SHOWN("select state from connections", "open");
    const struct projection *projection = &bench.router->projection;
    const struct edge *ours = edge_find(bench.router, span_text("E"));
    memset(channel, 'x', sizeof channel);
    postgres_freeze(&server, true);
    size_t count = 0;
    for (; !ours->projection.is_stale; count++) {
        snprintf(channel, sizeof channel, "%zu", count);
        channel[strlen(channel)] = '-';
        say_subscribed(edge, "E.a", span_of(channel, sizeof channel), true);
        assert_in_range(projection->bytes, 0, PROJECTION_LIMIT_BYTES);
    }
    assert_in_range(count, PROJECTION_SET_CHANGES, PROJECTION_LIMIT_BYTES / sizeof channel);
    assert_int_equal(projection->bytes, 0);
    say_subscribed(edge, "E.a", span_text("not kept"), true);
    assert_int_equal(projection->bytes, 0);
    postgres_freeze(&server, false);
    snapshot_page(edge, entries, 1);
    SHOWN("select channel from subscriptions", "few");
}

/* Fills what may wait with the changes of this connection, so that hardly one more fits. */
static void fill(struct link *edge, const char *connection)
{
    const struct projection *projection = &bench.router->projection;
    char channel[1000];
    size_t length = sizeof channel;

    memset(channel, 'x', sizeof channel);
    for (size_t count = 0; length > 20; count++) {
        snprintf(channel, sizeof channel, "%zu", count);
        channel[strlen(channel)] = '-';
        if (projection->bytes + length + 2 * sizeof(struct change_set) > PROJECTION_LIMIT_BYTES)
            length /= 2;
        else
            say_subscribed(edge, connection, span_of(channel, length), true);
    }
}

/* What a dead edge has left behind is with nobody else: it is delivered, once. */
static void a_dead_edge_behind_more_than_may_wait(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *other = bench_edge(&bench, "F");
    struct link *worker = bench_worker(&bench, 1);
    open_connection(edge, worker, "a", "E.a");
    open_connection(edge, worker, "b", "E.b");
    open_connection(other, worker, "c", "F.c");
    SHOWN("select count(*) from connections where state = 'open'", "3");
    fake_link_down(edge);
    uint64_t job = bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    const struct edge *dead = edge_find(bench.router, span_text("E"));
    BENCH_UNTIL(&bench, dead->state == EDGE_DEAD && !dead->unit);
    SHOWN("select count(*) from connections where state = 'closing'", "2");
    postgres_freeze(&server, true);
    fill(other, "F.c");
    assert_false(dead->projection.is_stale);
    bench_done(worker, job, JOB_DELIVERED, 200); /* a row to delete: one change too many */
    assert_int_equal(bench.router->edges.count, 2);
    assert_true(dead->projection.is_stale);
    postgres_freeze(&server, false);
    job = bench_job(&bench, worker, "b", BATCH_SEQUENCE_CLOSE);
    BENCH_UNTIL(&bench, database_queued_units(bench.router->store.database) == 0);
    bench_done(worker, job, JOB_STATUS, 500);
    job = bench_job(&bench, worker, "b", BATCH_SEQUENCE_CLOSE);
    bench_done(worker, job, JOB_DELIVERED, 200);
    SHOWN("select count(*) from connections where edge_id = 'E'", "0");
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    bench_no_job(&bench, worker); /* no second CLOSE of E.a */
}

/* The changes that the death itself brings are too many: the rows are looked at all the same. */
static void a_death_that_is_more_than_may_wait(void **state)
{
    (void)state;
    start_ready();
    struct link *edge = bench_edge(&bench, "E"), *other = bench_edge(&bench, "F");
    struct link *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    open_connection(other, worker, "b", "F.b");
    SHOWN("select count(*) from connections where state = 'open'", "2");
    BENCH_UNTIL(&bench, bench.router->projection.changes == 0);
    bench.config.projection_ms = 3000; /* so that what fills it is still there */
    fill(other, "F.b");
    fake_link_down(edge);
    uint64_t job = bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    assert_true(edge_find(bench.router, span_text("E"))->is_unsettled);
    edge_projection_drop(edge_find(bench.router, span_text("F")));
    bench_done(worker, job, JOB_DELIVERED, 200);
    BENCH_UNTIL(&bench, !edge_find(bench.router, span_text("E")));
    assert_true(is_shown("select connection_id from connections", "F.b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(the_life_of_a_row),
        STORE_TEST(a_refused_open_leaves_no_row),
        STORE_TEST(a_refused_row_is_left_out),
        STORE_TEST(a_channel_too_long_for_postgresql),
        STORE_TEST(a_snapshot_is_the_truth),
        STORE_TEST(postgresql_comes_back),
        STORE_TEST(more_changes_than_may_wait),
        STORE_TEST(a_dead_edge_behind_more_than_may_wait),
        STORE_TEST(a_death_that_is_more_than_may_wait),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
