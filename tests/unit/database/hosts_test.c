#include "common/database/hosts.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/unit/process/name_server.h"
#include "tests/unit/unit.h"

static struct loop *loop;
static struct hosts hosts;
static unsigned known;

static void on_known(void *context)
{
    (void)context;
    known++;
}

static int setup(void **state)
{
    static const char *const variables[] = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE",
                                            "PGSERVICEFILE"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(variables); i++)
        unsetenv(variables[i]);
    name_server_reset();
    name_server_say("one.test", "192.0.2.1", 0);
    name_server_say("two.test", "192.0.2.2 2001:db8::2", 0);
    name_server_say("silent.test", "", EAI_AGAIN);
    loop = loop_new(0, NULL, NULL);
    known = 0;
    hosts_init(&hosts, loop, on_known, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_server_hold(false);
    hosts_fini(&hosts);
    loop_destroy(&loop);
    return 0;
}

static void turn_until_known(void)
{
    for (int64_t end_ms = clock_monotonic_ms() + 20000; known == 0;) {
        assert_true(clock_monotonic_ms() < end_ms);
        loop_turn(loop, 10);
    }
    known = 0;
}

static void find(const char *url)
{
    int error = hosts_find(&hosts, url);
    if (error == -EINPROGRESS)
        turn_until_known();
    else
        assert_int_equal(error, 0);
}

/* `lists`: host, hostaddr, port. */
static void assert_found(const char *url, const char *lists)
{
    char found[1024];
    find(url);
    assert_true(hosts_take(&hosts));
    assert_true(hosts.found > 0);
    snprintf(found, sizeof found, "%s %s %s", hosts.names.data, hosts.addresses.data,
             hosts.ports.data);
    assert_string_equal(found, lists);
}

/* libpq asks nobody, or refuses it. */
static void assert_enough(const char *url)
{
    assert_int_equal(hosts_find(&hosts, url), 0);
    assert_true(hosts_take(&hosts));
    assert_int_equal(hosts.found, 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_found("host=one.test", "one.test 192.0.2.1 5432");
    assert_found("host=two.test port=7", "two.test,two.test 192.0.2.2,2001:db8::2 7,7");
    assert_found("postgresql://u:p@two.test:7,%2Frun,one.test:8,[::1]/db",
                 "two.test,two.test,/run,one.test,::1 "
                 "192.0.2.2,2001:db8::2,,192.0.2.1,::1 7,7,5432,8,5432");
    assert_found("host=one.test,two.test,,@x hostaddr=,198.51.100.1,, port=9",
                 "one.test,two.test,,@x 192.0.2.1,198.51.100.1,, 9,9,9,9");
    assert_found("host=127.0.0.1 password=one.test", "127.0.0.1 127.0.0.1 5432");
    assert_int_equal(name_server_asked_by_loop(), 0);
}

static void test_nothing_to_look_up(void **state)
{
    (void)state;
    assert_enough("dbname=x");
    assert_enough("host=/run/postgresql port=7");
    assert_enough("host=@abstract,");
    assert_enough("hostaddr=192.0.2.7,192.0.2.8 port=1,2");
    assert_enough("host=one.test hostaddr=192.0.2.7");
    assert_enough("host=one.test,two.test port=1,2,3"); /* that it refuses */
    assert_enough("host=one.test,two.test hostaddr=192.0.2.7");
    assert_enough("service=none");
    assert_int_equal(name_server_asked(), 0);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("PGHOST", "one.test", 1);
    setenv("PGPORT", "7", 1);
    assert_found("dbname=x", "one.test 192.0.2.1 7");
    assert_found("host=two.test port=8", "two.test,two.test 192.0.2.2,2001:db8::2 8,8");
    setenv("PGHOSTADDR", "192.0.2.7", 1);
    assert_enough("host=two.test");
}

static void test_services(void **state)
{
    char path[] = "/tmp/slip-service-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "[first]\nhost=one.test\nport=7\n[second]\nhost=two.test\n") > 0);
    close(fd);
    setenv("PGHOST", "three.test", 1);
    setenv("PGSERVICEFILE", path, 1);
    assert_found("service=first", "one.test 192.0.2.1 7");
    assert_found("service=first port=8", "one.test 192.0.2.1 8");
    setenv("PGSERVICE", "second", 1);
    assert_found("dbname=x", "two.test,two.test 192.0.2.2,2001:db8::2 5432,5432");
    unlink(path);
}

static void test_missing(void **state)
{
    (void)state;
    assert_found("postgresql://nobody.test:7,one.test/x", "one.test 192.0.2.1 5432");
    assert_string_equal(hosts.missing, "could not translate host name \"nobody.test\" to address: "
                                       "Name or service not known");
    find("host=nobody.test,silent.test");
    assert_false(hosts_take(&hosts));
    assert_string_equal(hosts.missing, "could not translate host name \"nobody.test\" to address: "
                                       "Name or service not known; "
                                       "could not translate host name \"silent.test\" to address: "
                                       "Temporary failure in name resolution");
    /* an empty value is none to libpq: it would look up what the url says */
    assert_found("host=,nobody.test port=7,8", ", , 7,7");
    assert_found("host=/run,nobody.test", "/run  5432");
    assert_found("host=,nobody.test hostaddr=192.0.2.7,", ", 192.0.2.7,192.0.2.7 5432,5432");
    assert_found("host=nobody.test,", ", , 5432,5432");
    assert_found("host=,nobody.test,", ", , 5432,5432");
    name_server_say("nobody.test", "192.0.2.3", 0);
    assert_found("host=nobody.test", "nobody.test 192.0.2.3 5432"); /* asked anew */
    assert_string_equal(hosts.missing, "");
}

static void test_one_lookup_at_a_time(void **state)
{
    (void)state;
    name_server_hold(true);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hosts_find(&hosts, "host=one.test"), -EINPROGRESS);
    name_server_hold(false);
    turn_until_known();
    assert_int_equal(name_server_asked(), 1);
    assert_found("host=one.test", "one.test 192.0.2.1 5432"); /* what came in between */
    assert_int_equal(name_server_asked(), 1);
    assert_found("host=one.test", "one.test 192.0.2.1 5432");
    assert_int_equal(name_server_asked(), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),       TEST(test_nothing_to_look_up),
        TEST(test_environment), TEST(test_services),
        TEST(test_missing),     TEST(test_one_lookup_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
