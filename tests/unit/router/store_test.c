/* The router with PostgreSQL: migrations, what the tables show, whose edge it is, dead letters. */
#include "router/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/contract/event.h"
#include "router/connection.h"
#include "router/queries.h"
#include "tests/unit/database/postgres.h"
#include "tests/unit/router/bench.h"

static struct postgres server;
static struct bench bench;

/* Each test begins without a schema. */
static int set_up(void **state)
{
    (void)state;
    free(postgres_ask(&server, "drop schema if exists \"bench-1\" cascade"));
    bench_init(&bench, server.url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

static void start_ready(void)
{
    bench_start(&bench);
    BENCH_UNTIL(&bench, store_is_ready(bench.router));
}

/* What psql says, in the stack's schema. */
static bool is_shown(const char *sql, const char *expected)
{
    char text[1024];

    snprintf(text, sizeof text, "set search_path = 'bench-1'; %s", sql);
    char *answer = postgres_ask(&server, text);
    bool is_equal = strcmp(answer, expected) == 0;
    free(answer);
    return is_equal;
}

static void change(const char *sql)
{
    (void)is_shown(sql, "");
}

#define SHOWN(sql, expected) BENCH_UNTIL(&bench, is_shown((sql), (expected)))

/* ---- migrations ---- */

struct migrator {
    struct database *database;
    struct migration_run run;
    int end; /* -1 */
    char reason[256];
};

static void on_end(void *context, enum migration_end end, const char *reason)
{
    struct migrator *migrator = context;

    migrator->end = (int)end;
    snprintf(migrator->reason, sizeof migrator->reason, "%s", reason);
}

static void on_connected(void *context)
{
    struct migrator *migrator = context;

    migration_run_start(&migrator->run, migrator->database);
}

static void start_migrator(struct migrator *migrator, const char *url, const char *schema)
{
    const struct database_options options = {
        .url = url,
        .application_name = "test",
        .schema = schema,
        .connect_timeout_ms = 5000,
        .answer_timeout_ms = 5000,
        .retry_first_ms = 10,
        .retry_last_ms = 50,
        .queue_bytes = 1 << 20,
        .handlers = {.on_connected = on_connected},
        .context = migrator,
    };

    *migrator = (struct migrator){.end = -1};
    migration_run_init(&migrator->run, bench.loop, schema, on_end, migrator);
    assert_int_equal(database_open(bench.loop, &options, &migrator->database), 0);
}

static void stop_migrator(struct migrator *migrator)
{
    database_close(&migrator->database);
    migration_run_fini(&migrator->run);
}

static void several_migrate_at_once(void **state)
{
    struct migrator migrators[4];
    size_t applied = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(migrators); i++)
        start_migrator(&migrators[i], server.url, "bench-1");
    for (size_t i = 0; i < ARRAY_LENGTH(migrators); i++) {
        BENCH_UNTIL(&bench, migrators[i].end >= 0);
        assert_int_equal(migrators[i].end, MIGRATION_DONE);
        applied += migrators[i].run.applied;
        stop_migrator(&migrators[i]);
    }
    assert_int_equal(applied, migration_count);
    char all[32];
    snprintf(all, sizeof all, "%zu|%zu", migration_count, migration_count);
    assert_true(is_shown("select count(*), max(version) from migrations", all));
    assert_true(is_shown("select count(*) from pg_class c join pg_namespace n"
                         " on n.oid = relnamespace where nspname = 'bench-1'"
                         " and relkind in ('r', 'v') and obj_description(c.oid) is null",
                         "0"));
    assert_true(is_shown("select count(*) from information_schema.columns c"
                         " join pg_class p on p.relname = table_name and relkind = 'r'"
                         " where table_schema = 'bench-1'"
                         " and col_description(p.oid, ordinal_position) is null",
                         "0"));
}

static void any_schema_name(void **state)
{
    struct migrator migrator;

    (void)state;
    start_migrator(&migrator, server.url, "o\"dd-'name ");
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_int_equal(migrator.end, MIGRATION_DONE);
    stop_migrator(&migrator);
    assert_true(is_shown("select count(*) from \"o\"\"dd-'name \".edges", "0"));
    change("drop schema \"o\"\"dd-'name \" cascade");
}

static void a_newer_schema_is_refused(void **state)
{
    struct migrator migrator;

    (void)state;
    start_ready();
    change("insert into migrations values (99, '0099_future')");
    start_migrator(&migrator, server.url, "bench-1");
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_int_equal(migrator.end, MIGRATION_NEWER);
    assert_non_null(strstr(migrator.reason, "version 99"));
    stop_migrator(&migrator);
    /* one that runs goes on without, one that starts gives up */
    database_restart(bench.router->store.database, "test");
    BENCH_UNTIL(&bench, strstr(bench.router->store.reason, "version 99"));
    assert_int_equal(fake_lifecycle_exit, -1);
    void *actor = bench.router;
    router_destroy(&actor);
    bench_start(&bench);
    BENCH_UNTIL(&bench, fake_lifecycle_exit == EXIT_FAILURE);
}

static void little_privilege_is_enough(void **state)
{
    struct migrator migrator;
    char url[256];

    (void)state;
    free(postgres_ask(&server, "do $$ begin create role poor login; exception when"
                               " duplicate_object then null; end $$"));
    snprintf(url, sizeof url, "host=%s user=poor dbname=postgres", server.directory);
    start_migrator(&migrator, url, "bench-1");
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_int_equal(migrator.end, MIGRATION_FAILED);
    assert_string_equal(migrator.reason, "permission denied for database postgres");
    stop_migrator(&migrator);
    free(postgres_ask(&server, "create schema \"bench-1\" authorization poor"));
    start_migrator(&migrator, url, "bench-1");
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_string_equal(migrator.reason, "");
    assert_int_equal(migrator.end, MIGRATION_DONE);
    stop_migrator(&migrator);
}

/* ---- what the tables show ---- */

static void say_subscribed(struct link *edge, const char *connection, struct span channel, bool on)
{
    struct wire_message message = {.id = on ? MESSAGE_SUBSCRIBED : MESSAGE_UNSUBSCRIBED};

    if (on)
        message.as.subscribed =
            (struct message_subscribed){.connection = span_text(connection), .channel = channel};
    else
        message.as.unsubscribed =
            (struct message_unsubscribed){.connection = span_text(connection), .channel = channel};
    fake_link_say(edge, &message);
}

static void say_opened(struct link *edge, const char *connection)
{
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_OPENED,
                                               .as.opened = {.connection = span_text(connection),
                                                             .opened_at_ms = 1700000000123}});
}

static void open_connection(struct link *edge, struct link *worker, const char *suffix,
                            const char *name)
{
    bench_open(edge, suffix, 5000);
    bench_delivered(worker, bench_job(&bench, worker, suffix, 0), name, 0, OPEN_VERDICT_ACCEPTED,
                    NULL);
    bench_ack(&bench, edge, suffix, 0, ACK_DELIVERED, 0);
    say_opened(edge, name);
}

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
    SHOWN("select count(*) from connections", "18");
    SHOWN("select channel, members from channels", "good|18");
    say_subscribed(edge, "E.c00", span_text("later"), true);
    SHOWN("select count(*) from subscriptions", "19");
    fake_link_down(worker);
}

static void snapshot_page(struct link *edge, const struct record_snapshot_entry *entries,
                          size_t count)
{
    struct wire_message heard;

    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_PULL, &heard));
    fake_link_say(
        edge, &(struct wire_message){.id = MESSAGE_PAGE,
                                     .as.page = {.snapshot = heard.as.pull.snapshot,
                                                 .is_last = 1,
                                                 .entries = {.items = entries, .count = count}}});
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
/* Rows go and the table is vacuumed; then there are many again, which the statistics do not know.
 */
static void forget_statistics(void)
{
    static const char *const steps[] = {
        "insert into edges (edge_id, state, home_router, home_epoch) values ('e', 'live', 'r', 1)",
        "alter table subscriptions set (autovacuum_enabled = off);"
        " alter table connections set (autovacuum_enabled = off)",
        "create function fill() returns void language sql as $$"
        " insert into connections (connection_id, edge_id, state)"
        "  select 'connection-' || c, 'e', 'open' from generate_series(1, 10000) c;"
        " insert into subscriptions (connection_id, channel)"
        "  select 'connection-' || c, 'channel-' || k"
        "  from generate_series(1, 2000) c, generate_series(1, 5) k $$",
        "select fill()",
        "delete from subscriptions; delete from connections",
        "vacuum (truncate off, analyze) \"bench-1\".subscriptions",
        "vacuum (truncate off, analyze) \"bench-1\".connections",
        "select fill()",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        bool is_vacuum = strncmp(steps[i], "vacuum", 6) == 0; /* not among other statements */
        if (is_vacuum)
            free(postgres_ask(&server, steps[i]));
        else
            change(steps[i]);
    }
    assert_true(
        is_shown("select reltuples from pg_class where oid = 'subscriptions'::regclass", "0"));
}

/* A new version of a connection's row finds room on its page, and no index is touched. */
static void rows_have_room_for_updates(void **state)
{
    (void)state;
    start_ready();
    change("insert into connections (connection_id, edge_id, state)"
           " select 'connection-' || c, 'e', 'opening' from generate_series(1, 10000) c");
    change("create table size as select pg_relation_size('connections') as bytes");
    change("update connections set state = 'open', opened_at = now()");
    assert_true(is_shown("select pg_relation_size('connections') - bytes from size", "0"));
}

/* How PostgreSQL carries it out, in a plan that was made once for all parameters. */
static char *plan_of(const struct database_statement *statement, const char *arguments)
{
    char text[4096];

    snprintf(text, sizeof text,
             "set search_path = 'bench-1'; set plan_cache_mode = force_generic_plan;"
             " prepare statement as %s; explain execute statement (%s)",
             statement->sql, arguments);
    return postgres_ask(&server, text);
}

/* No statement's work may grow with the table because its statistics are from another time. */
static void statistics_do_not_matter(void **state)
{
    const struct {
        const struct database_statement *statement;
        const char *arguments, *wanted;
    } cases[] = {
        {&query_drop_subscriptions, "'e', 1, '{connection-1}', '{channel-1}'",
         "Index Scan using subscriptions_pkey"},
        {&query_keep_subscriptions, "'e', 1, '{connection-1}', '{connection-1}', '{channel-1}'",
         "Index Scan using subscriptions_pkey"},
        {&query_drop_memberships, "'e', 1, '{connection-1}'",
         "Index Scan using subscriptions_pkey"},
        {&query_drop_connections, "'e', 1, '{connection-1}'", "Index Scan using connections_pkey"},
        {&query_prune_connections, "'e', 1, '{connection-1}'",
         "Index Scan using subscriptions_pkey"},
    };

    (void)state;
    start_ready();
    forget_statistics();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *plan = plan_of(cases[i].statement, cases[i].arguments);
        if (!strstr(plan, cases[i].wanted) || strstr(plan, "Join Filter") ||
            strstr(plan, "Hash Cond") || strstr(plan, "Merge Cond"))
            fail_msg("%s:\n%s", cases[i].statement->name, plan);
        free(plan);
    }
}

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

/* ---- whose edge it is ---- */

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

/* ---- dead letters ---- */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(several_migrate_at_once),
        TEST(any_schema_name),
        TEST(a_newer_schema_is_refused),
        TEST(little_privilege_is_enough),
        TEST(the_life_of_a_row),
        TEST(a_refused_open_leaves_no_row),
        TEST(a_refused_row_is_left_out),
        TEST(a_snapshot_is_the_truth),
        TEST(rows_have_room_for_updates),
        TEST(statistics_do_not_matter),
        TEST(postgresql_comes_back),
        TEST(more_changes_than_may_wait),
        TEST(an_expired_edge_stays_so),
        TEST(an_edge_that_went_to_another_router),
        TEST(a_judgement_that_is_lost),
        TEST(a_judgement_that_is_won),
        TEST(orphans_are_taken_over),
        TEST(the_first_roll_is_complete),
        TEST(a_dead_letter_can_be_replayed),
        TEST(a_close_may_be_a_dead_letter),
        TEST(dead_letters_wait_for_postgresql),
        TEST(the_router_signs_off),
    };

    postgres_create(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    postgres_remove(&server);
    return failed;
}
