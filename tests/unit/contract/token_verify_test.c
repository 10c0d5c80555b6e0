#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/contract/token.h"
#include "common/text/base64.h"
#include "tests/unit/unit.h"

#define NOW_MS INT64_C(1700000000000)
#define CLAIMS "{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\",\"exp\":1700000060}"

static struct token_verifier *verifier;

static int set_up(void **state)
{
    const struct span secrets[] = {span_text("new secret"), span_text("old secret")};

    (void)state;
    verifier = token_verifier_new(secrets, 2, TOKEN_AUDIENCE_CONTROL, 5000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    token_verifier_destroy(&verifier);
    assert_null(verifier);
    token_verifier_destroy(&verifier);
    return 0;
}

/* "Bearer " and a token of this header and these claims, signed whatever they say. */
static char *bearer(const char *header, const char *claims, const char *secret)
{
    struct buffer token = {0}, value = {0};
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    base64url_append(&token, span_text(header));
    buffer_append_byte(&token, '.');
    base64url_append(&token, span_text(claims));
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token.data, token.length,
         signature, &length);
    buffer_append_byte(&token, '.');
    base64url_append(&token, span_of(signature, length));
    buffer_append_text(&value, "Bearer ");
    buffer_append_span(&value, buffer_span(&token));
    buffer_fini(&token);
    return buffer_take(&value);
}

static enum token_problem verify_at(const char *authorization, int64_t now_ms)
{
    enum token_problem problem = TOKEN_PROBLEM_NONE;
    int result = token_verify(verifier, span_text(authorization), now_ms, &problem);

    assert_int_equal(result, problem == TOKEN_PROBLEM_NONE ? 0 : -EACCES);
    return problem;
}

static void assert_problem(const char *header, const char *claims, const char *secret,
                           enum token_problem problem)
{
    char *authorization = bearer(header, claims, secret);

    assert_int_equal(verify_at(authorization, NOW_MS), problem);
    assert_int_equal(verify_at(authorization, NOW_MS), problem);
    free(authorization);
}

#define HS256 "{\"typ\":\"JWT\",\"alg\":\"HS256\"}"

static void test_secrets(void **state)
{
    (void)state;
    assert_problem(HS256, CLAIMS, "new secret", TOKEN_PROBLEM_NONE);
    assert_problem(HS256, CLAIMS, "old secret", TOKEN_PROBLEM_NONE);
    assert_problem("{\"alg\":\"HS256\"}", CLAIMS, "old secret", TOKEN_PROBLEM_NONE);
    assert_problem(HS256, CLAIMS, "older secret", TOKEN_PROBLEM_SIGNATURE);
    assert_problem(HS256, CLAIMS, "new secre", TOKEN_PROBLEM_SIGNATURE);
}

static void test_own_signature(void **state)
{
    char *token = token_sign(span_text("old secret"), TOKEN_AUDIENCE_CONTROL, NOW_MS, 60);
    char value[1024];

    (void)state;
    snprintf(value, sizeof value, " bEARER  %s\t", token);
    assert_int_equal(verify_at(value, NOW_MS), TOKEN_PROBLEM_NONE);
    free(token);
}

/* Made by PyJWT 2 with the secret "new secret". */
static void test_foreign_library(void **state)
{
    (void)state;
    assert_int_equal(verify_at("Bearer "
                               "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
                               "eyJpc3MiOiJzbGlwLXNvY2tldHMiLCJhdWQiOlsiQ29udHJvbEV2ZW50Il0sImlhdCI"
                               "6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMDYwLCJzdWIiOiJ0XHUwMGU5c3QifQ.v_"
                               "BGxwgdH-860ax5m0msOnZuBUlGVA02xbaijrNjLvc",
                               NOW_MS),
                     TOKEN_PROBLEM_NONE);
}

static void test_problems(void **state)
{
    (void)state;
    assert_problem("{\"alg\":\"none\"}", CLAIMS, "new secret", TOKEN_PROBLEM_ALGORITHM);
    assert_problem("{\"alg\":\"HS512\"}", CLAIMS, "new secret", TOKEN_PROBLEM_ALGORITHM);
    assert_problem("{\"alg\":\"RS256\"}", CLAIMS, "new secret", TOKEN_PROBLEM_ALGORITHM);
    assert_problem("{", CLAIMS, "new secret", TOKEN_PROBLEM_MALFORMED);
    assert_problem(HS256, "not json", "new secret", TOKEN_PROBLEM_MALFORMED);
    assert_problem(HS256, "", "new secret", TOKEN_PROBLEM_MALFORMED);
    assert_problem(HS256, "[]", "new secret", TOKEN_PROBLEM_MALFORMED);
    assert_problem(HS256, "{\"iss\":\"x\",\"aud\":\"ControlEvent\",\"exp\":1700000060}",
                   "new secret", TOKEN_PROBLEM_ISSUER);
    assert_problem(HS256,
                   "{\"iss\":\"slip-sockets\",\"aud\":\"WebSocketEvent\",\"exp\":1700000060}",
                   "new secret", TOKEN_PROBLEM_AUDIENCE);
    assert_problem(HS256, "{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\"}", "new secret",
                   TOKEN_PROBLEM_EXPIRED);
    assert_problem(HS256, "{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\",\"exp\":1699999995}",
                   "new secret", TOKEN_PROBLEM_EXPIRED);
    assert_problem(
        HS256,
        "{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\",\"exp\":1700000060,\"nbf\":1700000006}",
        "new secret", TOKEN_PROBLEM_NOT_YET);
    assert_problem(HS256,
                   "{\"iss\":\"slip-sockets\",\"aud\":[\"ControlEvent\"],\"exp\":1700000060.5,"
                   "\"iat\":1700000000}",
                   "new secret", TOKEN_PROBLEM_NONE);
}

static void test_unsigned(void **state)
{
    struct buffer value = {0};

    (void)state;
    buffer_append_text(&value, "Bearer ");
    base64url_append(&value, span_text("{\"alg\":\"none\"}"));
    buffer_append_byte(&value, '.');
    base64url_append(&value, span_text(CLAIMS));
    buffer_append(&value, ".", 2);
    assert_int_equal(verify_at(value.data, NOW_MS), TOKEN_PROBLEM_ALGORITHM);
    value.length = strlen("Bearer ");
    base64url_append(&value, span_text(HS256));
    buffer_append_byte(&value, '.');
    base64url_append(&value, span_text(CLAIMS));
    buffer_append(&value, ".", 2);
    assert_int_equal(verify_at(value.data, NOW_MS), TOKEN_PROBLEM_SIGNATURE);
    buffer_fini(&value);
}

static void test_forms(void **state)
{
    static const struct {
        const char *authorization;
        enum token_problem problem;
    } cases[] = {
        {"", TOKEN_PROBLEM_MISSING},
        {"Bearer", TOKEN_PROBLEM_MISSING},
        {"Bearer ", TOKEN_PROBLEM_MISSING},
        {"Basic YTpi", TOKEN_PROBLEM_MISSING},
        {"Bearerx", TOKEN_PROBLEM_MISSING},
        {"Bearer x", TOKEN_PROBLEM_MALFORMED},
        {"Bearer x.y", TOKEN_PROBLEM_MALFORMED},
        {"Bearer a.b.c", TOKEN_PROBLEM_MALFORMED},
        {"Bearer ..", TOKEN_PROBLEM_MALFORMED},
        {"Bearer a.b.c.d", TOKEN_PROBLEM_MALFORMED},
        {"Bearer . .", TOKEN_PROBLEM_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(verify_at(cases[i].authorization, NOW_MS), cases[i].problem);
}

static void test_length(void **state)
{
    char claims[7000];

    (void)state;
    int used =
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\",\"exp\":1700000060,\"x\":\"");
    memset(claims + used, 'x', sizeof claims - (size_t)used);
    memcpy(claims + 6000, "\"}", 3);
    assert_problem(HS256, claims, "new secret", TOKEN_PROBLEM_NONE);
    memset(claims + 6000, 'x', 3);
    memcpy(claims + sizeof claims - 3, "\"}", 3);
    assert_problem(HS256, claims, "new secret", TOKEN_PROBLEM_MALFORMED);
}

/* A byte changed anywhere, also of a token that is remembered. */
static void test_every_byte_counts(void **state)
{
    char *authorization = bearer(HS256, CLAIMS, "new secret");

    (void)state;
    assert_int_equal(verify_at(authorization, NOW_MS), TOKEN_PROBLEM_NONE);
    for (size_t i = strlen("Bearer "); i < strlen(authorization); i++) {
        char original = authorization[i];
        authorization[i] = original == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify_at(authorization, NOW_MS), TOKEN_PROBLEM_NONE);
        authorization[i] = original;
    }
    free(authorization);
}

static void test_remembered_until_it_expires(void **state)
{
    char *authorization = bearer(HS256, CLAIMS, "new secret");

    (void)state;
    assert_int_equal(verify_at(authorization, NOW_MS), TOKEN_PROBLEM_NONE);
    assert_int_equal(verify_at(authorization, NOW_MS + 64999), TOKEN_PROBLEM_NONE);
    assert_int_equal(verify_at(authorization, NOW_MS + 65000), TOKEN_PROBLEM_EXPIRED);
    free(authorization);
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned problem = 0; problem < TOKEN_PROBLEM_COUNT; problem++) {
        assert_true(strlen(token_problem_label((enum token_problem)problem)) > 0);
        assert_true(strlen(token_problem_text((enum token_problem)problem)) > 0);
    }
    assert_string_equal(token_problem_label(TOKEN_PROBLEM_NOT_YET), "not_yet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_signature, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_problems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsigned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remembered_until_it_expires, set_up, tear_down),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
