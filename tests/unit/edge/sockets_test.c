#include "edge/sockets.h"

#include <limits.h>

#include "tests/unit/unit.h"

static void test_shares(void **state)
{
    static const struct {
        size_t descriptors, own, wanted, share, connections;
    } cases[] = {
        {1048576, 36, 100000, 1048476, 100000},
        {INT_MAX, 36, 10000000, INT_MAX - 100, 10000000},
        {1024, 36, 100000, 924, 809}, /* an eighth is for those who pass */
        {1024, 36, 100, 924, 100},
        {164, 36, 100000, 64, 56},
        {136, 36, 100000, 50, 44}, /* the reserve is half of what is there, */
        {38, 36, 100000, 1, 1},    /* however little that is */
        {30, 36, 100000, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockets sockets = sockets_share(cases[i].descriptors, cases[i].own, cases[i].wanted);
        assert_int_equal(sockets.share, cases[i].share);
        assert_int_equal(sockets.max_connections, cases[i].connections);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
