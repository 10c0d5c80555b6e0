#include "common/contract/token_secret.h"

#include "tests/unit/unit.h"

/* RFC 4231, test case 2. */
static const unsigned char expected[] = {
    0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
    0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};

static void test_signature(void **state)
{
    struct span text = span_text("what do ya want for nothing?");
    unsigned char other[sizeof expected];
    struct token_secret secret;

    (void)state;
    token_secret_init(&secret, span_text("Jefe"));
    assert_true(token_secret_made(&secret, text, span_of(expected, sizeof expected)));
    for (size_t i = 0; i < sizeof expected; i++) {
        memcpy(other, expected, sizeof other);
        other[i] ^= 1;
        assert_false(token_secret_made(&secret, text, span_of(other, sizeof other)));
    }
    assert_false(token_secret_made(&secret, text, span_of(expected, sizeof expected - 1)));
    assert_false(token_secret_made(&secret, text, span_of(NULL, 0)));
    assert_false(token_secret_made(&secret, span_text("what"), span_of(expected, sizeof expected)));
    token_secret_fini(&secret);
    assert_null(secret.data);
    token_secret_fini(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signature)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
