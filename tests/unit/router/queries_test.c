/* How PostgreSQL carries the statements out. */
#include "router/queries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/router/store_bench.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(rows_have_room_for_updates),
        STORE_TEST(statistics_do_not_matter),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
