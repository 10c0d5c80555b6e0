#include "tests/unit/unit.h"

#include <time.h>

#include "common/base/clock.h"

static void test_never_backwards(void **state)
{
    (void)state;
    int64_t last_us = clock_monotonic_us(), last_boot_ms = clock_boottime_ms();
    for (int i = 0; i < 1000; i++) {
        int64_t now_us = clock_monotonic_us(), boot_ms = clock_boottime_ms();
        assert_true(now_us >= last_us && boot_ms >= last_boot_ms);
        last_us = now_us;
        last_boot_ms = boot_ms;
    }
}

static void test_units(void **state)
{
    (void)state;
    int64_t before_ms = clock_monotonic_us() / 1000;
    int64_t now_ms = clock_monotonic_ms();
    int64_t after_ms = clock_monotonic_us() / 1000;
    assert_true(before_ms <= now_ms && now_ms <= after_ms);
    assert_true(clock_boottime_ms() >= now_ms); /* it counts what the other sleeps through */
    int64_t early = (int64_t)time(NULL) - 1;
    int64_t wall = clock_realtime_ms() / 1000;
    assert_true(early <= wall && wall <= (int64_t)time(NULL) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_backwards),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
