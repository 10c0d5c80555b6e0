#include "common/process/lookup.h"

#include <netdb.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/unit/process/name_server.h"
#include "tests/unit/unit.h"

enum { DEADLINE_MS = 20000 };

static struct loop *loop;
static struct lookup *lookup;
static unsigned calls;

static int setup(void **state)
{
    (void)state;
    name_server_reset();
    loop = loop_new(0, NULL, NULL);
    calls = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_server_hold(false);
    lookup_destroy(&lookup);
    loop_destroy(&loop);
    return 0;
}

static void on_done(void *context)
{
    (void)context;
    calls++;
}

static void turn_until_done(void)
{
    for (int64_t end_ms = clock_monotonic_ms() + DEADLINE_MS; !lookup_is_done(lookup);) {
        assert_true(clock_monotonic_ms() < end_ms);
        loop_turn(loop, 10);
    }
}

static void assert_answer(size_t index, int error, const char *addresses)
{
    const struct lookup_answer *answer = lookup_answer(lookup, index);
    char text[256] = "";
    assert_int_equal(answer->error, error);
    for (size_t i = 0; i < answer->count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, answer->addresses[i].text);
    }
    assert_string_equal(text, addresses);
}

static void test_addresses_at_once(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "0:0::1"};
    lookup = lookup_new(hosts, 2);
    assert_true(lookup_answer_addresses(lookup));
    assert_true(lookup_is_done(lookup));
    assert_answer(0, 0, "127.0.0.1");
    assert_answer(1, 0, "::1");
}

static void test_each_host_has_its_answer(void **state)
{
    (void)state;
    static const char *const hosts[] = {"two.test", "127.0.0.1", "nobody.test", "silent.test"};
    name_server_say("two.test", "127.0.0.9 ::1 127.0.0.2 127.0.0.9", 0);
    name_server_say("silent.test", "", EAI_AGAIN);
    lookup = lookup_new(hosts, 4);
    assert_false(lookup_answer_addresses(lookup));
    assert_int_equal(lookup_start(lookup, loop, on_done, NULL), 0);
    turn_until_done();
    assert_int_equal(calls, 1);
    assert_answer(0, 0, "127.0.0.9 ::1 127.0.0.2"); /* in this order, none twice */
    assert_answer(1, 0, "127.0.0.1");
    assert_answer(2, EAI_NONAME, "");
    assert_answer(3, EAI_AGAIN, "");
    assert_int_equal(name_server_asked_by_loop(), 0);
}

/* The thread finds nobody to tell, and frees what it had (LeakSanitizer looks). */
static void test_destroyed_while_it_looks(void **state)
{
    (void)state;
    static const char *const hosts[] = {"one.test"};
    name_server_say("one.test", "127.0.0.1", 0);
    name_server_hold(true);
    for (int i = 0; i < 10; i++) {
        lookup = lookup_new(hosts, 1);
        assert_int_equal(lookup_start(lookup, loop, on_done, NULL), 0);
        lookup_destroy(&lookup);
    }
    name_server_hold(false);
    for (int64_t end_ms = clock_monotonic_ms() + DEADLINE_MS; name_server_answered() < 10;) {
        assert_true(clock_monotonic_ms() < end_ms);
        loop_turn(loop, 10);
    }
    assert_int_equal(calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_addresses_at_once),
        TEST(test_each_host_has_its_answer),
        TEST(test_destroyed_while_it_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
