/* How PostgreSQL carries the statements out: the router's, and one of control's. */
#include "router/queries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/queries.h"
#include "tests/unit/router/store_bench.h"

static void carry_out(const char *const *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_vacuum = strncmp(steps[i], "vacuum", 6) == 0; /* not among other statements */
        if (is_vacuum)
            free(postgres_ask(&server, steps[i]));
        else
            change(steps[i]);
    }
}

/* Two edges own all connections, as usual, and two connections most subscriptions; many edges have
 * ended. Autovacuum is off: what the statistics say is up to the test. */
static void fill(void)
{
    static const char *const steps[] = {
        "alter table subscriptions set (autovacuum_enabled = off);"
        " alter table connections set (autovacuum_enabled = off);"
        " alter table dead_letters set (autovacuum_enabled = off)",
        "insert into edges (edge_id, state, home_router, home_epoch)"
        " values ('e', 'live', 'r', 1), ('f', 'live', 'r', 1);"
        " insert into edges (edge_id, state, home_router, home_epoch, ended_at)"
        "  select 'gone-' || i, 'left', 'r', 1, now() from generate_series(1, 500) i",
        "create function fill() returns void language sql as $$"
        " insert into connections (connection_id, edge_id, state)"
        "  select n || '-connection-' || c, n, 'open'"
        "  from unnest('{e, f}'::text[]) n, generate_series(1, 5000) c;"
        " insert into subscriptions (connection_id, channel)"
        "  select n || '-connection-1', 'channel-' || k"
        "  from unnest('{e, f}'::text[]) n, generate_series(1, 5000) k;"
        " insert into dead_letters (idempotency_key, connection_id, kind, first_sequence,"
        "  last_sequence, events, attempts, replay_requested_at)"
        "  select 'e:' || n, 'e', 'events', n, n, '[]', 1, case when n % 2 = 0 then now() end"
        "  from generate_series(1, 10000) n $$",
        "select fill()",
    };

    carry_out(steps, ARRAY_LENGTH(steps));
}

static void take_statistics(void)
{
    static const char *const steps[] = {
        "vacuum (analyze) \"bench-1\".subscriptions",
        "vacuum (analyze) \"bench-1\".connections",
        "vacuum (analyze) \"bench-1\".edges",
        "vacuum (analyze) \"bench-1\".dead_letters",
    };

    carry_out(steps, ARRAY_LENGTH(steps));
}

/* Rows go and the table is vacuumed; then there are many again, which the statistics do not know.
 */
static void forget_statistics(void)
{
    static const char *const steps[] = {
        "delete from subscriptions; delete from connections; delete from dead_letters",
        "vacuum (truncate off, analyze) \"bench-1\".subscriptions",
        "vacuum (truncate off, analyze) \"bench-1\".connections",
        "vacuum (truncate off, analyze) \"bench-1\".dead_letters",
        "select fill()",
    };

    carry_out(steps, ARRAY_LENGTH(steps));
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

    int length = snprintf(text, sizeof text,
                          "set search_path = 'bench-1'; set plan_cache_mode = force_generic_plan;"
                          " prepare statement as %s; explain execute statement%s",
                          statement->sql, arguments);
    assert_in_range(length, 1, sizeof text - 1);
    return postgres_ask(&server, text);
}

/* In whole words: the name of a table may be the beginning of an index's. */
static bool names(const char *plan, const char *what)
{
    for (const char *found = strstr(plan, what); found; found = strstr(found + 1, what)) {
        if (strchr(" \n", found[strlen(what)]))
            return true;
    }
    return false;
}

static const struct plan {
    const struct database_statement *statement;
    const char *arguments, *wanted;
    const char *unwanted[4];
} plans[] = {
    {&query_drop_subscriptions,
     "('e', 1, '{c}', '{k}')",
     "Index Scan using subscriptions_pkey",
     {"Join Filter", "Hash Cond", "Merge Cond", "Seq Scan on subscriptions"}},
    {&query_keep_subscriptions,
     "('e', 1, '{c}', '{c}', '{k}')",
     "Scan using subscriptions_pkey",
     {"Join Filter", "Hash Cond", "SubPlan", "Seq Scan on subscriptions"}},
    {&query_drop_memberships,
     "('e', 1, '{c}')",
     "Index Scan using subscriptions_pkey",
     {"Join Filter", "Hash Cond", "Merge Cond", "Seq Scan on subscriptions"}},
    {&query_drop_connections,
     "('e', 1, '{c}')",
     "Index Scan using connections_pkey",
     {"Join Filter", "Hash Cond", "Merge Cond", "Seq Scan on connections"}},
    {&query_prune_connections,
     "('e', 1, '{c}')",
     "Index Scan using subscriptions_pkey",
     {"Join Filter", "Hash Cond", "SubPlan", "Seq Scan on subscriptions"}},
    {&query_edge_rows,
     "('e', '')",
     "Scan using connections_edge_id",
     {"connections_pkey", "Seq Scan on connections"}},
    {&query_scan,
     "",
     "Scan using connections_edge_id",
     {"connections_pkey", "Seq Scan on connections"}},
    {&query_forget_edges,
     "",
     "Scan using connections_edge_id",
     {"connections_pkey", "Seq Scan on connections"}},
    {&query_delete_old_letters,
     "(1000)",
     "Scan using dead_letters_age",
     {"Seq Scan on dead_letters", "Hash Cond", "Join Filter"}},
    {&query_dead_letter_bytes,
     "('2020-01-01', 1)",
     "Index Cond: (ROW(created_at, id) > ",
     {"Seq Scan on dead_letters"}},
    {&query_delete_excess_letters,
     "(1000)",
     "Scan using dead_letters_age",
     {"Seq Scan on dead_letters", "Hash Cond", "Join Filter"}},
    {&query_replay_claim,
     "('r', '{1}', 32)",
     "Scan using dead_letters_replay_requested",
     {"Seq Scan on dead_letters", "Hash Cond"}},
    {&query_replay_claimants, "('r')", "dead_letters_claimed", {"Seq Scan on dead_letters"}},
    {&query_replay_give_back, "('r')", "dead_letters_claimed", {"Seq Scan on dead_letters"}},
    {&query_dead_letters_waiting, "", "Scan using", {"Seq Scan on dead_letters"}},
};

static void check_plan(const struct plan *plan)
{
    char *text = plan_of(plan->statement, plan->arguments);

    if (!strstr(text, plan->wanted))
        fail_msg("%s: no %s:\n%s", plan->statement->name, plan->wanted, text);
    for (size_t i = 0; i < ARRAY_LENGTH(plan->unwanted) && plan->unwanted[i]; i++) {
        if (names(text, plan->unwanted[i]))
            fail_msg("%s: %s:\n%s", plan->statement->name, plan->unwanted[i], text);
    }
    free(text);
}

/* No statement's work may grow with the table, whatever the statistics make PostgreSQL believe:
 * that a few edges own all of it … */
static void ordinary_statistics(void **state)
{
    (void)state;
    start_ready();
    fill();
    take_statistics();
    for (size_t i = 0; i < ARRAY_LENGTH(plans); i++)
        check_plan(&plans[i]);
}

/* … or that it is empty. */
static void old_statistics(void **state)
{
    (void)state;
    start_ready();
    fill();
    forget_statistics();
    for (size_t i = 0; i < ARRAY_LENGTH(plans); i++)
        check_plan(&plans[i]);
}

/* Control lists edges; one that has ended costs a look into an index. */
static void the_list_of_edges(void **state)
{
    char text[4096], *plan;

    (void)state;
    start_ready();
    fill();
    take_statistics();
    snprintf(text, sizeof text,
             "set search_path = 'bench-1'; prepare statement as %s;"
             " explain (analyze, timing off, costs off) execute statement ('f', 1000)",
             query_edge_list.sql);
    plan = postgres_ask(&server, text);
    if (!strstr(plan, "Index Only Scan using connections_edge_id") ||
        !strstr(plan, "never executed"))
        fail_msg("all connections are read for edges that have none:\n%s", plan);
    free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(rows_have_room_for_updates),
        STORE_TEST(ordinary_statistics),
        STORE_TEST(old_statistics),
        STORE_TEST(the_list_of_edges),
    };

    return cmocka_run_group_tests(tests, store_bench_create, store_bench_remove);
}
