#include "common/wire/resolver.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/unit/unit.h"

enum { DEADLINE_MS = 20000 };

struct heard {
    unsigned calls;
    size_t count;
    bool is_complete;
    struct resolver_address addresses[16];
};

static void on_resolved(void *context, const struct resolver_result *result)
{
    struct heard *heard = context;
    heard->calls++;
    heard->count = result->count;
    heard->is_complete = result->is_complete;
    for (size_t i = 0; i < result->count && i < ARRAY_LENGTH(heard->addresses); i++)
        heard->addresses[i] = result->addresses[i];
}

static struct loop *loop;
static struct heard heard;
static struct resolver *resolver;

static int setup(void **state)
{
    (void)state;
    loop = loop_new(0, NULL, NULL);
    heard = (struct heard){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_destroy(&resolver);
    loop_destroy(&loop);
    return 0;
}

static int start(const char *addresses, int64_t interval_ms)
{
    return resolver_start(loop, span_text(addresses), interval_ms, on_resolved, &heard, &resolver);
}

static void turn_until_calls(unsigned calls)
{
    for (int64_t end_ms = clock_monotonic_ms() + DEADLINE_MS; heard.calls < calls;) {
        assert_true(clock_monotonic_ms() < end_ms);
        loop_turn(loop, 10);
    }
}

static bool has(const char *address)
{
    for (size_t i = 0; i < heard.count; i++)
        if (strcmp(heard.addresses[i].text, address) == 0)
            return true;
    return false;
}

static void test_numeric_at_once(void **state)
{
    (void)state;
    assert_int_equal(start("127.0.0.1:7100, 10.1.2.3:65535,[::1]:7100,127.0.0.1:7100", 10), 0);
    assert_int_equal(heard.calls, 1); /* within the call */
    assert_true(heard.is_complete);
    assert_int_equal(heard.count, 3); /* none twice */
    assert_true(has("127.0.0.1:7100") && has("10.1.2.3:65535") && has("[::1]:7100"));
}

static void test_one_spelling(void **state)
{
    (void)state;
    assert_int_equal(start("[0:0:0:0:0:0:0:1]:7100,[::1]:7100,[::0001]:7100", 10), 0);
    assert_int_equal(heard.count, 1);
    assert_true(has("[::1]:7100"));
}

static void test_name_in_the_background_and_again(void **state)
{
    (void)state;
    assert_int_equal(start("localhost:7100,127.0.0.1:7100,192.0.2.1:1", 10), 0);
    assert_int_equal(heard.calls, 0);
    turn_until_calls(1);
    assert_true(heard.is_complete);
    assert_true(has("127.0.0.1:7100") && has("192.0.2.1:1"));
    size_t count = heard.count;
    turn_until_calls(4);
    assert_int_equal(heard.count, count); /* the same, not added up */
}

static void test_name_that_is_not_there(void **state)
{
    (void)state;
    /* RFC 6761 §6.4: never there; but without a name server the answer may be that none is. */
    assert_int_equal(start("nobody.invalid:7100,127.0.0.1:7100", 10), 0);
    turn_until_calls(1);
    assert_int_equal(heard.count, 1);
    assert_true(has("127.0.0.1:7100"));
}

static void test_wrong_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      "host", "host:", "host:0", "host:99999",
                                        "[::1]", "a:1,", ",a:1",  "a b:1"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(start(wrong[i], 10), -EINVAL);
    assert_null(resolver);
    assert_int_equal(heard.calls, 0);
}

/* The thread finds nobody to tell, and frees what it had (LeakSanitizer looks). */
static void test_destroyed_while_it_looks(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(start("localhost:1", 10), 0);
        resolver_destroy(&resolver);
    }
    loop_turn(loop, 10);
    assert_int_equal(heard.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_numeric_at_once),
        TEST(test_one_spelling),
        TEST(test_name_in_the_background_and_again),
        TEST(test_name_that_is_not_there),
        TEST(test_wrong_addresses),
        TEST(test_destroyed_while_it_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
