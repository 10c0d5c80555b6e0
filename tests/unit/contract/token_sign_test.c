#include <stdlib.h>

#include "common/contract/token.h"
#include "common/text/base64.h"
#include "tests/unit/unit.h"

#define NOW_MS INT64_C(1700000000999)

/* The claims of a token, as libjwt wrote them. */
static void assert_claims(const char *token, const char *expected)
{
    struct span rest = span_text(token);
    char claims[512];
    size_t length;

    span_split(&rest, '.');
    struct span payload = span_split(&rest, '.');
    assert_true(base64_decoded_room(payload.length) <= sizeof claims);
    assert_int_equal(base64url_decode(payload, claims, &length), 0);
    assert_span(span_of(claims, length), expected);
    assert_int_equal(rest.length, 43);
}

static void test_token(void **state)
{
    char *token = token_sign(span_text("secret"), TOKEN_AUDIENCE_EVENT, NOW_MS, 60);

    (void)state;
    assert_claims(token, "{\"aud\":\"WebSocketEvent\",\"exp\":1700000060,\"iat\":1700000000,"
                         "\"iss\":\"slip-sockets\"}");
    free(token);
}

static void test_renewal(void **state)
{
    struct token_signer *signer = token_signer_new(span_text("secret"), TOKEN_AUDIENCE_EVENT);
    bool is_new = false;

    (void)state;
    const char *first = token_signer_token(signer, NOW_MS, &is_new);
    assert_true(is_new);
    assert_ptr_equal(token_signer_token(signer, NOW_MS + 29999, &is_new), first);
    assert_false(is_new);
    const char *second = token_signer_token(signer, NOW_MS + 30000, &is_new);
    assert_true(is_new);
    assert_claims(second, "{\"aud\":\"WebSocketEvent\",\"exp\":1700000090,\"iat\":1700000030,"
                          "\"iss\":\"slip-sockets\"}");
    token_signer_token(signer, NOW_MS + 29999, &is_new);
    assert_true(is_new);
    token_signer_token(signer, NOW_MS + 29999, NULL);
    token_signer_destroy(&signer);
    assert_null(signer);
    token_signer_destroy(&signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_renewal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
