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
        assert_int_equal(routers_credits(cases[i].concurrency, cases[i].waiting, 0),
                         cases[i].credits);
}

/* One message at a time changes nothing after the first. */
static void test_credits_rest(void **state)
{
    const struct {
        uint64_t concurrency;
        size_t waiting;
        uint64_t told, credits;
    } cases[] = {
        {64, 0, 64, 64}, {64, 1, 64, 72}, {64, 0, 72, 72}, {64, 1, 72, 72},    {64, 9, 72, 80},
        {64, 0, 80, 64}, {64, 1, 80, 80}, {64, 1, 88, 72}, {64, 64, 128, 128}, {1, 1, 1, 2},
        {1, 0, 2, 1},    {7, 0, 8, 7},    {8, 0, 9, 9},    {8, 0, 10, 8},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(routers_credits(cases[i].concurrency, cases[i].waiting, cases[i].told),
                         cases[i].credits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_credits),
                                       cmocka_unit_test(test_credits_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
