/* Migrations: several at once, any schema, a newer one, little privilege, many rows. */
#include "router/migrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/router/store_bench.h"

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

static void start_limited(struct migrator *migrator, const char *url, const char *schema,
                          int64_t answer_timeout_ms)
{
    const struct database_options options = {
        .url = url,
        .application_name = "test",
        .schema = schema,
        .connect_timeout_ms = 5000,
        .answer_timeout_ms = answer_timeout_ms,
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

static void start_migrator(struct migrator *migrator, const char *url, const char *schema)
{
    start_limited(migrator, url, schema, 5000);
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

/* Another session, in whose transaction the first table that a migration creates is there. */
static struct database *holder;

static int let_go(void **state)
{
    database_close(&holder);
    return store_bench_tear_down(state);
}

static void hold_up(void)
{
    static const struct database_statement begin = {NULL, "begin"};
    static const struct database_statement create = {NULL, "create table migrations ()"};
    const struct database_options options = {
        .url = server.url,
        .application_name = "holder",
        .schema = "bench-1",
        .connect_timeout_ms = 5000,
        .answer_timeout_ms = 5000,
        .retry_first_ms = 10,
        .retry_last_ms = 50,
        .queue_bytes = 1 << 20,
    };

    free(postgres_ask(&server, "create schema \"bench-1\""));
    assert_int_equal(database_open(bench.loop, &options, &holder), 0);
    BENCH_UNTIL(&bench, database_is_ready(holder));
    struct database_unit *unit = database_unit_new(NULL, NULL);
    database_unit_add(unit, &begin, NULL, 0);
    database_unit_add(unit, &create, NULL, 0);
    assert_int_equal(database_submit(holder, &unit), 0);
    BENCH_UNTIL(&bench, database_queued_units(holder) == 0);
}

/* As with millions of rows: longer than any other statement may take. */
static void a_migration_takes_its_time(void **state)
{
    struct migrator migrator;

    (void)state;
    hold_up();
    start_limited(&migrator, server.url, "bench-1", 1000);
    BENCH_UNTIL(&bench, migrator.end >= 0 ||
                            is_shown("select count(*) from pg_stat_activity"
                                     " where application_name = 'test' and wait_event_type = 'Lock'"
                                     " and query_start < now() - interval '1500 ms'",
                                     "1"));
    assert_string_equal(migrator.reason, "");
    assert_true(migrator.run.is_applying);
    database_close(&holder);
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_string_equal(migrator.reason, "");
    assert_int_equal(migrator.run.applied, migration_count);
    assert_false(migrator.run.is_applying);
    stop_migrator(&migrator);
}

/* Whoever comes later waits behind a migration that waits. */
static void a_migration_does_not_wait_for_ever(void **state)
{
    struct migrator migrator;

    (void)state;
    hold_up();
    start_migrator(&migrator, server.url, "bench-1");
    BENCH_UNTIL(&bench, migrator.end >= 0);
    assert_string_equal(migrator.reason, "canceling statement due to lock timeout");
    stop_migrator(&migrator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(several_migrate_at_once),
        STORE_TEST(any_schema_name),
        STORE_TEST(a_newer_schema_is_refused),
        STORE_TEST(little_privilege_is_enough),
        cmocka_unit_test_setup_teardown(a_migration_takes_its_time, store_bench_set_up, let_go),
        cmocka_unit_test_setup_teardown(a_migration_does_not_wait_for_ever, store_bench_set_up,
                                        let_go),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
