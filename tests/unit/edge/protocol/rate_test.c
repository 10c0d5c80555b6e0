#include "edge/protocol/rate.h"

#include "tests/unit/unit.h"

static unsigned taken(struct rate *rate, int64_t now_ms)
{
    unsigned count = 0;
    while (count < 5000000 && rate_take(rate, now_ms))
        count++;
    return count;
}

static void test_a_second_at_once_then_steadily(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, 10, 5000);
    assert_int_equal(taken(&rate, 5000), 10);
    assert_int_equal(taken(&rate, 5099), 0);
    assert_int_equal(taken(&rate, 5100), 1);
    assert_int_equal(taken(&rate, 5450), 3);
    /* The half that was left over is not lost. */
    assert_int_equal(taken(&rate, 5500), 1);
}

static void test_it_never_holds_more_than_a_second(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, 3, 0);
    assert_int_equal(taken(&rate, INT64_MAX), 3);
    rate_init(&rate, 1000000, 0);
    assert_int_equal(taken(&rate, 999), 1000000);
    assert_int_equal(taken(&rate, 1998), 999000);
}

static void test_without_a_limit(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, 0, 0);
    for (int i = 0; i < 100; i++)
        assert_true(rate_take(&rate, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_at_once_then_steadily),
        cmocka_unit_test(test_it_never_holds_more_than_a_second),
        cmocka_unit_test(test_without_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
