#include "webhook-worker/routers.h"

#include "tests/unit/unit.h"

static void test_credits(void **state)
{
    const struct {
        uint64_t concurrency;
        size_t waiting;
        uint64_t credits;
    } cases[] = {
        {64, 0, 64},       {64, 1, 72}, {64, 8, 72}, {64, 9, 80}, {64, 64, 128}, {64, 65, 128},
        {64, 100000, 128}, {1, 0, 1},   {1, 1, 2},   {1, 5, 2},   {7, 3, 10},    {4096, 1, 4608},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(routers_credits(cases[i].concurrency, cases[i].waiting), cases[i].credits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_credits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
