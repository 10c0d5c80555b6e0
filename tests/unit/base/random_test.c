#include "tests/unit/unit.h"

#include "common/base/random.h"

static void test_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    random_bytes(a, 0);
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

static void test_below(void **state)
{
    (void)state;
    int seen[10] = {0};
    assert_int_equal(random_below(1), 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = random_below(10);
        assert_true(value < 10);
        seen[value]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 700, 1300);
}

static void test_nonzero(void **state)
{
    (void)state;
    uint64_t a = random_nonzero_u64(), b = random_nonzero_u64();
    assert_true(a != 0 && b != 0 && a != b);
}

static void test_text(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[4097];
    int used[64] = {0};
    text[4096] = '!';
    random_text(text, 4096);
    assert_int_equal(text[4096], '!'); /* no final NUL */
    for (int i = 0; i < 4096; i++) {
        const char *place = strchr(alphabet, text[i]);
        assert_non_null(place);
        used[place - alphabet]++;
    }
    for (int i = 0; i < 64; i++)
        assert_in_range(used[i], 20, 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_differ),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_nonzero),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
