/* A session whose server has a name, in front of a name server that is slow or knows nothing. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/database/database.h"
#include "tests/unit/database/postgres.h"
#include "tests/unit/process/name_server.h"
#include "tests/unit/unit.h"

static struct postgres server;
static struct loop *loop;
static struct database *database;
static unsigned readies, downs;
static char reason[256];

static void on_ready(void *context)
{
    (void)context;
    readies++;
}

static void on_down(void *context, bool was_ready, const char *why)
{
    (void)context;
    (void)was_ready;
    downs++;
    snprintf(reason, sizeof reason, "%s", why);
}

static int setup(void **state)
{
    (void)state;
    name_server_reset();
    loop = loop_new(0, NULL, NULL);
    readies = downs = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_server_hold(false);
    database_close(&database);
    loop_destroy(&loop);
    return 0;
}

static void open_at(const char *hosts)
{
    char url[256];
    snprintf(url, sizeof url, "host=%s port=%d user=owner dbname=postgres", hosts, server.port);
    struct database_options options = {
        .url = url,
        .application_name = "names_test",
        .connect_timeout_ms = 500,
        .answer_timeout_ms = 5000,
        .retry_first_ms = 10,
        .retry_last_ms = 50,
        .queue_bytes = 65536,
        .handlers = {.on_ready = on_ready, .on_down = on_down},
    };
    assert_int_equal(database_open(loop, &options, &database), 0);
}

#define TURN_UNTIL(condition)                                                              \
    for (int64_t end_ms = clock_monotonic_ms() + 30000; !(condition); loop_turn(loop, 10)) \
        if (clock_monotonic_ms() > end_ms)                                                 \
    fail_msg("%s never came: ready %u, down %u times: %s", #condition, readies, downs, reason)

static void test_slow_name_server(void **state)
{
    (void)state;
    name_server_say("db.test", "127.0.0.1", 0);
    name_server_hold(true);
    open_at("db.test");
    TURN_UNTIL(downs == 2);
    assert_string_equal(reason, "looking up the host's name takes too long");
    assert_int_equal(name_server_asked(), 1); /* one thread, not one for each attempt */
    name_server_hold(false);
    TURN_UNTIL(readies == 1);
    assert_int_equal(name_server_asked_by_loop(), 0);
}

static void test_name_that_is_not_found(void **state)
{
    (void)state;
    open_at("db.test");
    TURN_UNTIL(downs == 2);
    assert_string_equal(reason, "could not translate host name \"db.test\" to address: Name or "
                                "service not known");
    name_server_say("db.test", "127.0.0.1", 0); /* each attempt asks anew */
    TURN_UNTIL(readies == 1);
    assert_int_equal(name_server_asked_by_loop(), 0);
}

static void test_all_addresses_of_a_name(void **state)
{
    (void)state;
    name_server_say("db.test", "127.0.0.8 127.0.0.1", 0); /* at the first is nobody */
    open_at("nobody.test,db.test");
    TURN_UNTIL(readies == 1);
    assert_int_equal(downs, 0);
    assert_int_equal(name_server_asked_by_loop(), 0);
}

static void test_why_nobody_was_reached(void **state)
{
    (void)state;
    name_server_say("gone.test", "127.0.0.8", 0);
    open_at("nobody.test,gone.test");
    TURN_UNTIL(downs == 1);
    assert_non_null(strstr(reason, "\"nobody.test\" to address: Name or service not known"));
    assert_non_null(strstr(reason, "127.0.0.8"));
    assert_non_null(strstr(reason, "refused"));
}

/* The empty name is the standard socket, where nobody is at this port. */
static void test_name_that_is_not_found_beside_an_empty_one(void **state)
{
    (void)state;
    open_at(",nobody.test");
    TURN_UNTIL(downs == 1);
    assert_non_null(strstr(reason, "\"nobody.test\" to address: Name or service not known"));
    assert_non_null(strstr(reason, ".s.PGSQL."));
    assert_int_equal(name_server_asked(), 1);
    assert_int_equal(name_server_asked_by_loop(), 0);
}

static void test_closed_while_it_looks(void **state)
{
    (void)state;
    name_server_say("db.test", "127.0.0.1", 0);
    name_server_hold(true);
    open_at("db.test");
    TURN_UNTIL(name_server_asked() == 1);
    database_close(&database);
    name_server_hold(false);
    TURN_UNTIL(name_server_answered() == 1);
    assert_int_equal(readies + downs, 0);
}

static void test_restarted_while_it_looks(void **state)
{
    (void)state;
    name_server_say("db.test", "127.0.0.1", 0);
    name_server_hold(true);
    open_at("db.test");
    TURN_UNTIL(name_server_asked() == 1);
    database_restart(database, "as the program likes");
    TURN_UNTIL(downs == 1);
    assert_string_equal(reason, "as the program likes");
    name_server_hold(false);
    TURN_UNTIL(readies == 1);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

static int create_server(void **state)
{
    (void)state;
    server.port = free_port();
    postgres_create(&server);
    return 0;
}

static int remove_server(void **state)
{
    (void)state;
    postgres_remove(&server);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slow_name_server),
        TEST(test_name_that_is_not_found),
        TEST(test_all_addresses_of_a_name),
        TEST(test_why_nobody_was_reached),
        TEST(test_name_that_is_not_found_beside_an_empty_one),
        TEST(test_closed_while_it_looks),
        TEST(test_restarted_while_it_looks),
    };
    return cmocka_run_group_tests(tests, create_server, remove_server);
}
