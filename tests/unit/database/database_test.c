#include "common/database/database.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/database/array.h"
#include "tests/unit/database/postgres.h"

static struct postgres server;

/* What a session told, in the order of telling: C connected, R ready, d down before ready, D down
 * after; and the answers to units, by kind: 0 … 4. */
struct listener {
    struct loop *loop;
    struct database *database;
    char log[256];
    char reason[256];
    char cell[256];
    char message[256];
    char sqlstate[6];
    size_t rows;
    uint64_t affected;
    bool is_held; /* on_connected does not say ready */
};

static void note(struct listener *listener, char what)
{
    size_t length = strlen(listener->log);

    if (length + 1 < sizeof listener->log)
        listener->log[length] = what;
}

static void on_connected(void *context)
{
    struct listener *listener = context;

    note(listener, 'C');
    if (!listener->is_held)
        database_ready(listener->database);
}

static void on_ready(void *context)
{
    note(context, 'R');
}

static void on_down(void *context, bool was_ready, const char *reason)
{
    struct listener *listener = context;

    note(listener, was_ready ? 'D' : 'd');
    snprintf(listener->reason, sizeof listener->reason, "%s", reason);
}

static void on_done(void *context, const struct database_answer *answer)
{
    struct listener *listener = context;

    note(listener, (char)('0' + (int)answer->kind));
    memcpy(listener->sqlstate, answer->sqlstate, sizeof listener->sqlstate);
    snprintf(listener->message, sizeof listener->message, "%s", answer->message);
    if (answer->kind != DATABASE_DONE)
        return;
    listener->rows = database_rows(answer, 0);
    listener->affected = database_affected(answer, 0);
    if (listener->rows > 0) {
        struct span cell = database_cell(answer, 0, 0, 0);
        snprintf(listener->cell, sizeof listener->cell, "%.*s", SPAN_ARGS(cell));
    }
}

static void open_at(struct listener *listener, const char *url, int64_t answer_timeout_ms)
{
    struct database_options options = {
        .url = url,
        .application_name = "database_test",
        .schema = "odd \"name\"-1",
        .connect_timeout_ms = 500,
        .answer_timeout_ms = answer_timeout_ms,
        .retry_first_ms = 10,
        .retry_last_ms = 50,
        .queue_bytes = 65536,
        .handlers = {.on_connected = on_connected, .on_ready = on_ready, .on_down = on_down},
        .context = listener,
    };

    if (!listener->loop)
        listener->loop = loop_new(0, NULL, NULL);
    assert_int_equal(database_open(listener->loop, &options, &listener->database), 0);
}

static void close_all(struct listener *listener)
{
    database_close(&listener->database);
    loop_destroy(&listener->loop);
}

/* Turns until `what` has been noted `times` times in all. */
static void wait_for(struct listener *listener, char what, size_t times)
{
    int64_t limit = clock_monotonic_ms() + 30000;
    size_t seen = 0;

    while (seen < times) {
        assert_true(clock_monotonic_ms() < limit);
        loop_turn(listener->loop, 100);
        seen = 0;
        for (const char *at = listener->log; *at; at++)
            seen += *at == what;
    }
}

static struct listener start(void)
{
    return (struct listener){0};
}

static void run_sql(struct listener *listener, const char *sql)
{
    struct database_statement *statement = xcalloc(1, sizeof *statement);

    statement->sql = sql;
    assert_int_equal(
        database_query(listener->database, statement, NULL, 0, on_done, listener, NULL), 0);
    while (database_queued_units(listener->database) > 0)
        loop_turn(listener->loop, 100);
    free(statement);
}

static void settings_are_made(void **state)
{
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 5000);
    assert_int_equal(database_state(listener.database), DATABASE_WAITING);
    wait_for(&listener, 'R', 1);
    assert_string_equal(listener.log, "CR");
    run_sql(&listener, "show search_path");
    assert_string_equal(listener.cell, "\"odd \"\"name\"\"-1\"");
    run_sql(&listener, "show synchronous_commit");
    assert_string_equal(listener.cell, "off");
    run_sql(&listener, "show statement_timeout");
    assert_string_equal(listener.cell, "4500ms");
    run_sql(&listener,
            "select application_name from pg_stat_activity where pid = pg_backend_pid()");
    assert_string_equal(listener.cell, "database_test");
    close_all(&listener);
}

static void a_unit_is_a_transaction(void **state)
{
    static const struct database_statement insert = {
        "test_insert", "insert into public.t values ($1::bigint, $2)"};
    static const struct database_statement count = {"test_count", "select count(*) from public.t"};
    struct listener listener = start();
    char number[DATABASE_NUMBER_SIZE];

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    run_sql(&listener, "create table public.t (n bigint primary key, x text)");
    listener.log[0] = '\0';
    memset(listener.log, 0, sizeof listener.log);
    /* three units at once; the second fails in its second statement */
    for (int64_t unit_number = 0; unit_number < 3; unit_number++) {
        struct database_unit *unit = database_unit_new(on_done, &listener);
        struct database_value first[] = {database_integer(10 * unit_number, number),
                                         database_text(span_text("a'b"))};
        database_unit_add(unit, &insert, first, 2);
        char second_number[DATABASE_NUMBER_SIZE];
        struct database_value second[] = {
            database_integer(unit_number == 1 ? 10 : 10 * unit_number + 1, second_number),
            DATABASE_NULL};
        database_unit_add(unit, &insert, second, 2);
        assert_int_equal(database_submit(listener.database, &unit), 0);
        assert_null(unit);
    }
    wait_for(&listener, '0', 2);
    assert_string_equal(listener.log, "020");
    run_sql(&listener, "select string_agg(n || coalesce(x, '-'), ' ' order by n) from public.t");
    assert_string_equal(listener.cell, "0a'b 1- 20a'b 21-");
    assert_int_equal(database_query(listener.database, &count, NULL, 0, on_done, &listener, NULL),
                     0);
    wait_for(&listener, '0', 4);
    assert_string_equal(listener.cell, "4");
    assert_int_equal(database_queued_bytes(listener.database), 0);
    close_all(&listener);
}

static void errors_are_told_apart(void **state)
{
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 500);
    wait_for(&listener, 'R', 1);
    memset(listener.log, 0, sizeof listener.log);
    run_sql(&listener, "select 'x'::int");
    assert_string_equal(listener.sqlstate, "22P02");
    run_sql(&listener, "select pg_sleep(2)"); /* statement_timeout */
    assert_string_equal(listener.sqlstate, "57014");
    run_sql(&listener, "select * from no_such_table");
    assert_string_equal(listener.sqlstate, "42P01");
    assert_non_null(strstr(listener.message, "no_such_table"));
    run_sql(&listener, "select 1");
    assert_string_equal(listener.sqlstate, "");
    assert_string_equal(listener.log, "2340");
    close_all(&listener);
}

/* The table comes later: the statement must be prepared anew. */
static void preparing_is_tried_again(void **state)
{
    static const struct database_statement late = {"test_late", "select n from public.late"};
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    memset(listener.log, 0, sizeof listener.log);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            database_query(listener.database, &late, NULL, 0, on_done, &listener, NULL), 0);
    wait_for(&listener, '4', 2);
    assert_string_equal(listener.sqlstate, "42P01"); /* why, not "no such prepared statement" */
    run_sql(&listener, "create table public.late as select 7 as n");
    assert_int_equal(database_query(listener.database, &late, NULL, 0, on_done, &listener, NULL),
                     0);
    wait_for(&listener, '0', 2);
    assert_string_equal(listener.cell, "7");
    close_all(&listener);
}

static void durability_is_chosen(void **state)
{
    static const struct database_statement show = {NULL, "show synchronous_commit"};
    struct listener listener = start();
    struct database_unit *unit = database_unit_new(on_done, &listener);

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &show, NULL, 0);
    assert_int_equal(database_submit(listener.database, &unit), 0);
    wait_for(&listener, '0', 1);
    assert_string_equal(listener.cell, "on");
    run_sql(&listener, "show synchronous_commit"); /* of that unit only */
    assert_string_equal(listener.cell, "off");
    close_all(&listener);
}

static void set_up_comes_first(void **state)
{
    static const struct database_statement one = {NULL, "select 1"};
    struct listener listener = start();
    struct database_unit *unit = database_unit_new(on_done, &listener);

    (void)state;
    listener.is_held = true;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'C', 1);
    database_unit_add(unit, &one, NULL, 0);
    assert_int_equal(database_submit(listener.database, &unit), -ENOTCONN);
    assert_non_null(unit);
    assert_int_equal(database_submit_setup(listener.database, &unit), 0);
    wait_for(&listener, '0', 1);
    assert_false(database_is_ready(listener.database));
    database_ready(listener.database);
    assert_true(database_is_ready(listener.database));
    listener.is_held = false;
    database_restart(listener.database, "not\n good\tenough\n");
    database_restart(listener.database, "a second reason");
    wait_for(&listener, 'R', 2);
    assert_string_equal(listener.log, "C0RDCR");
    assert_string_equal(listener.reason, "not good enough");
    close_all(&listener);
}

static void the_queue_is_bounded(void **state)
{
    static const struct database_statement length = {"test_length", "select length($1::text)"};
    struct listener listener = start();
    char *large = xcalloc(1, 40001);
    size_t sent = 0;
    int error;

    (void)state;
    memset(large, 'x', 40000);
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    struct database_value value = database_text(span_text(large));
    while ((error = database_query(listener.database, &length, &value, 1, on_done, &listener,
                                   NULL)) == 0)
        sent++;
    assert_int_equal(error, -ENOBUFS);
    assert_int_equal(sent, 1);
    assert_true(database_queued_bytes(listener.database) > 40000);
    wait_for(&listener, '0', 1);
    assert_string_equal(listener.cell, "40000");
    assert_int_equal(
        database_query(listener.database, &length, &value, 1, on_done, &listener, NULL), 0);
    wait_for(&listener, '0', 2);
    free(large);
    close_all(&listener);
}

/* Else it would wait for ever. */
static void a_unit_larger_than_the_queue_goes_alone(void **state)
{
    static const struct database_statement length = {"test_length", "select length($1::text)"};
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();
    char *large = xcalloc(1, 70001);

    (void)state;
    memset(large, 'x', 70000);
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    const struct database_value value = database_text(span_text(large));
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    assert_int_equal(
        database_query(listener.database, &length, &value, 1, on_done, &listener, NULL), -ENOBUFS);
    wait_for(&listener, '0', 1);
    assert_int_equal(
        database_query(listener.database, &length, &value, 1, on_done, &listener, NULL), 0);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL),
                     -ENOBUFS);
    wait_for(&listener, '0', 2);
    assert_string_equal(listener.cell, "70000");
    free(large);
    close_all(&listener);
}

static void the_forgotten_are_not_told(void **state)
{
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();
    struct database_unit *unit = NULL;

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, &unit),
                     0);
    database_forget(unit);
    while (database_queued_units(listener.database) > 0)
        loop_turn(listener.loop, 100);
    assert_string_equal(listener.log, "CR");
    close_all(&listener);
}

static void what_was_on_its_way_is_lost(void **state)
{
    static const struct database_statement sleep_long = {NULL, "select pg_sleep(60)"};
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 60000);
    wait_for(&listener, 'R', 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            database_query(listener.database, &sleep_long, NULL, 0, on_done, &listener, NULL), 0);
    loop_turn(listener.loop, 10);
    postgres_stop(&server, "immediate");
    wait_for(&listener, 'd', 1); /* at least one attempt in vain */
    assert_memory_equal(listener.log, "CR111Dd", 7);
    assert_int_equal(
        database_query(listener.database, &sleep_long, NULL, 0, on_done, &listener, NULL),
        -ENOTCONN);
    postgres_start(&server);
    wait_for(&listener, 'R', 2);
    postgres_stop(&server, "fast"); /* while nothing is asked */
    wait_for(&listener, 'D', 2);
    postgres_start(&server);
    wait_for(&listener, 'R', 3);
    close_all(&listener);
}

static void closing_answers(void **state)
{
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    close_all(&listener);
    assert_string_equal(listener.log, "CR1");
    struct database *none = NULL;
    database_close(&none);
}

static void a_frozen_server_is_left(void **state)
{
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 300);
    wait_for(&listener, 'R', 1);
    postgres_freeze(&server, true);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    wait_for(&listener, 'd', 1);
    assert_memory_equal(listener.log, "CR1Dd", 5);
    assert_string_equal(listener.reason, "connecting took too long");
    postgres_freeze(&server, false);
    wait_for(&listener, 'R', 2);
    close_all(&listener);
}

/* Also with others behind it, whose limit begins when it is answered. */
static void a_patient_unit_is_waited_for(void **state)
{
    static const struct database_statement sleep_on = {NULL, "select pg_sleep(1)"};
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();
    struct database_unit *unit = database_unit_new(on_done, &listener);

    (void)state;
    open_at(&listener, server.url, 300);
    wait_for(&listener, 'R', 1);
    run_sql(&listener, "select 1"); /* a limit has run before */
    memset(listener.log, 0, sizeof listener.log);
    database_unit_set_patient(unit);
    database_unit_add(unit, &sleep_on, NULL, 0);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    assert_int_equal(database_submit(listener.database, &unit), 0);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    wait_for(&listener, '0', 3);
    assert_string_equal(listener.log, "000");
    postgres_freeze(&server, true);
    assert_int_equal(database_query(listener.database, &one, NULL, 0, on_done, &listener, NULL), 0);
    wait_for(&listener, 'D', 1);
    postgres_freeze(&server, false);
    close_all(&listener);
}

/* What is sent is no sign of life: the kernel takes it. */
static void a_frozen_server_is_left_while_more_is_asked(void **state)
{
    static const struct database_statement one = {"test_one", "select 1"};
    struct listener listener = start();

    (void)state;
    open_at(&listener, server.url, 300);
    wait_for(&listener, 'R', 1);
    postgres_freeze(&server, true);
    int64_t limit = clock_monotonic_ms() + 3000;
    while (database_is_ready(listener.database) && clock_monotonic_ms() < limit) {
        /* refused in the turn that ends the session */
        (void)!database_query(listener.database, &one, NULL, 0, NULL, NULL, NULL);
        loop_turn(listener.loop, 50);
    }
    bool is_left = !database_is_ready(listener.database);
    postgres_freeze(&server, false);
    assert_true(is_left);
    assert_string_equal(listener.reason, "the server does not answer");
    wait_for(&listener, 'R', 2);
    close_all(&listener);
}

/* Something listens, and says nothing: libpq waits, we do not. */
static void a_silent_port_is_left(void **state)
{
    struct listener listener = start();
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    char url[128];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof url, "postgresql://u:geheim@127.0.0.1:%u/x", ntohs(address.sin_port));
    open_at(&listener, url, 300);
    wait_for(&listener, 'd', 2);
    assert_string_equal(listener.reason, "connecting took too long");
    close(fd);
    listener.log[0] = '\0';
    memset(listener.log, 0, sizeof listener.log);
    wait_for(&listener, 'd', 1);
    assert_non_null(strstr(listener.reason, "refused"));
    assert_null(strstr(listener.reason, "geheim"));
    close_all(&listener);
}

static void no_connection_string(void **state)
{
    struct database *database = NULL;
    struct loop *loop = loop_new(0, NULL, NULL);
    const struct database_options options = {.url = "postgresql://[", .application_name = "x"};

    (void)state;
    assert_int_equal(database_open(loop, &options, &database), -EINVAL);
    assert_null(database);
    loop_destroy(&loop);
}

static void arrays_arrive(void **state)
{
    static const struct database_statement unnest = {
        NULL, "select string_agg(coalesce(t, '-') || n, '|' order by n)"
              " from unnest($1::text[], $2::bigint[]) as x(t, n)"};
    struct listener listener = start();
    struct database_array texts = {0}, numbers = {0};

    (void)state;
    open_at(&listener, server.url, 5000);
    wait_for(&listener, 'R', 1);
    database_array_add_text(&texts, span_text("a\"\\,{}"));
    database_array_add_null(&texts);
    database_array_add_text(&texts, span_text("\xc3\xa4 null"));
    for (int i = 0; i < 3; i++)
        database_array_add_integer(&numbers, i);
    struct database_value values[] = {database_array_value(&texts), database_array_value(&numbers)};
    assert_int_equal(
        database_query(listener.database, &unnest, values, 2, on_done, &listener, NULL), 0);
    wait_for(&listener, '0', 1);
    assert_string_equal(listener.cell, "a\"\\,{}0|-1|\xc3\xa4 null2");
    database_array_fini(&texts);
    database_array_fini(&numbers);
    close_all(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_made),
        cmocka_unit_test(a_unit_is_a_transaction),
        cmocka_unit_test(errors_are_told_apart),
        cmocka_unit_test(preparing_is_tried_again),
        cmocka_unit_test(durability_is_chosen),
        cmocka_unit_test(set_up_comes_first),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(a_unit_larger_than_the_queue_goes_alone),
        cmocka_unit_test(the_forgotten_are_not_told),
        cmocka_unit_test(what_was_on_its_way_is_lost),
        cmocka_unit_test(closing_answers),
        cmocka_unit_test(a_frozen_server_is_left),
        cmocka_unit_test(a_patient_unit_is_waited_for),
        cmocka_unit_test(a_frozen_server_is_left_while_more_is_asked),
        cmocka_unit_test(a_silent_port_is_left),
        cmocka_unit_test(no_connection_string),
        cmocka_unit_test(arrays_arrive),
    };

    postgres_create(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    postgres_remove(&server);
    return failed;
}
