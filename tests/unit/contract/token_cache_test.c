#include "common/contract/token_cache.h"

#include "tests/unit/unit.h"

static struct token_cache cache;

static int clear(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof cache);
    return 0;
}

static unsigned char *digest_of(unsigned char first, unsigned char last)
{
    static unsigned char digest[TOKEN_DIGEST_BYTES];

    memset(digest, 0, sizeof digest);
    digest[0] = first;
    digest[TOKEN_DIGEST_BYTES - 1] = last;
    return digest;
}

static bool has(const unsigned char *digest, int64_t now_ms)
{
    int64_t expires_ms;
    return token_cache_find(&cache, digest, now_ms, &expires_ms);
}

static void test_expiry(void **state)
{
    (void)state;
    assert_false(has(digest_of(7, 1), 0));
    token_cache_add(&cache, digest_of(7, 1), 1000);
    assert_true(has(digest_of(7, 1), 999));
    assert_false(has(digest_of(7, 1), 1000));
    assert_false(has(digest_of(7, 2), 0));
    assert_false(has(digest_of(8, 1), 0));
}

/* An empty entry is all zeros, as this digest is. */
static void test_zero_digest(void **state)
{
    (void)state;
    assert_false(has(digest_of(0, 0), 0));
    assert_false(has(digest_of(0, 0), 1));
}

static void test_full_row_drops_what_expires_first(void **state)
{
    (void)state;
    for (unsigned char i = 0; i < TOKEN_CACHE_WAYS; i++)
        token_cache_add(&cache, digest_of(5, i), 1000 - i);
    token_cache_add(&cache, digest_of(5 + TOKEN_CACHE_ROWS, 99), 2000);
    assert_true(has(digest_of(5 + TOKEN_CACHE_ROWS, 99), 0));
    assert_false(has(digest_of(5, TOKEN_CACHE_WAYS - 1), 0));
    for (unsigned char i = 0; i < TOKEN_CACHE_WAYS - 1; i++)
        assert_true(has(digest_of(5, i), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_expiry, clear),
        cmocka_unit_test_setup(test_zero_digest, clear),
        cmocka_unit_test_setup(test_full_row_drops_what_expires_first, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
