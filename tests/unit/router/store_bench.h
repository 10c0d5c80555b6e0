/* A router on the bench with a PostgreSQL of its own: what psql shows of the tables, and what edges
 * say that changes them. One server for a test program, one schema for a test. All functions fail
 * the running test when something is not as it should be. */
#ifndef SLIP_TESTS_ROUTER_STORE_BENCH_H
#define SLIP_TESTS_ROUTER_STORE_BENCH_H

#include "router/store.h"
#include "tests/unit/database/postgres.h"
#include "tests/unit/router/bench.h"

extern struct postgres server;
extern struct bench bench;

/* The fixtures of a group and of each of its tests, which begin without a schema. */
int store_bench_create(void **state);
int store_bench_remove(void **state);
int store_bench_set_up(void **state);
int store_bench_tear_down(void **state);
#define STORE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, store_bench_set_up, store_bench_tear_down)

/* Starts the router and waits until it may write. */
void start_ready(void);

/* SQL in the stack's schema: is this what psql shows; wait until it is; change something. */
bool is_shown(const char *sql, const char *expected);
#define SHOWN(sql, expected) BENCH_UNTIL(&bench, is_shown((sql), (expected)))
void change(const char *sql);

/* What an edge says of its connections. */
void say_subscribed(struct link *edge, const char *connection, struct span channel, bool on);
void say_opened(struct link *edge, const char *connection);

/* A connection whose OPEN the backend has accepted. `name`: "<edge>.<suffix>". */
void open_connection(struct link *edge, struct link *worker, const char *suffix, const char *name);

/* Answers the router's PULL with one page, which is the last. */
void snapshot_page(struct link *edge, const struct record_snapshot_entry *entries, size_t count);

#endif
