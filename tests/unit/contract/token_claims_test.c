#include "common/contract/token_claims.h"

#include "tests/unit/unit.h"

#define GOOD "\"iss\":\"slip-sockets\",\"aud\":\"ControlEvent\""
enum { NOW_S = 1700000000, LEEWAY_MS = 5000 };

static enum token_problem check_at(const char *claims, int64_t now_ms, int64_t *ret_expires_ms)
{
    return token_claims_check(span_text(claims), "ControlEvent", LEEWAY_MS, now_ms, ret_expires_ms);
}

static enum token_problem check(const char *claims)
{
    int64_t expires_ms;

    return check_at(claims, NOW_S * INT64_C(1000), &expires_ms);
}

static void test_claims(void **state)
{
    static const struct {
        const char *claims;
        enum token_problem problem;
    } cases[] = {
        {"{" GOOD ",\"exp\":1700000001}", TOKEN_PROBLEM_NONE},
        {"{" GOOD ",\"exp\":1700000001.5,\"x\":{\"iss\":1}}", TOKEN_PROBLEM_NONE},
        {"{" GOOD ",\"exp\":1.8e9}", TOKEN_PROBLEM_NONE},
        {"{\"iss\":\"slip-sockets\",\"aud\":[1,\"x\",\"ControlEvent\"],\"exp\":1800000000}",
         TOKEN_PROBLEM_NONE},
        {"{\"iss\":\"slip-sockets\",\"aud\":[],\"exp\":1800000000}", TOKEN_PROBLEM_AUDIENCE},
        {"{\"iss\":\"slip-sockets\",\"aud\":[\"WebSocketEvent\"],\"exp\":1800000000}",
         TOKEN_PROBLEM_AUDIENCE},
        {"{\"iss\":\"slip-sockets\",\"aud\":{\"ControlEvent\":1},\"exp\":1800000000}",
         TOKEN_PROBLEM_AUDIENCE},
        {"{\"iss\":\"slip-sockets\",\"aud\":\"ControlEvents\",\"exp\":1800000000}",
         TOKEN_PROBLEM_AUDIENCE},
        {"{\"iss\":\"slip-sockets\",\"exp\":1800000000}", TOKEN_PROBLEM_AUDIENCE},
        {"{\"iss\":\"slip-socket\",\"aud\":\"ControlEvent\",\"exp\":1800000000}",
         TOKEN_PROBLEM_ISSUER},
        {"{\"aud\":\"ControlEvent\",\"exp\":1800000000}", TOKEN_PROBLEM_ISSUER},
        {"{\"iss\":[\"slip-sockets\"],\"aud\":\"ControlEvent\",\"exp\":1800000000}",
         TOKEN_PROBLEM_MALFORMED},
        {"{" GOOD "}", TOKEN_PROBLEM_EXPIRED},
        {"{" GOOD ",\"exp\":0}", TOKEN_PROBLEM_EXPIRED},
        {"{" GOOD ",\"exp\":-1}", TOKEN_PROBLEM_EXPIRED},
        {"{" GOOD ",\"exp\":1e300}", TOKEN_PROBLEM_MALFORMED},
        {"{" GOOD ",\"exp\":\"1800000000\"}", TOKEN_PROBLEM_MALFORMED},
        {"{" GOOD ",\"exp\":null}", TOKEN_PROBLEM_MALFORMED},
        {"{" GOOD ",\"exp\":1800000000,\"nbf\":1700000005,\"iat\":1700000005}", TOKEN_PROBLEM_NONE},
        {"{" GOOD ",\"exp\":1800000000,\"nbf\":1700000006}", TOKEN_PROBLEM_NOT_YET},
        {"{" GOOD ",\"exp\":1800000000,\"iat\":1700000006,\"nbf\":0}", TOKEN_PROBLEM_NOT_YET},
        {"{" GOOD ",\"exp\":1800000000,\"nbf\":\"x\"}", TOKEN_PROBLEM_MALFORMED},
        {"[]", TOKEN_PROBLEM_MALFORMED},
        {"", TOKEN_PROBLEM_MALFORMED},
        {"{} {}", TOKEN_PROBLEM_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(check(cases[i].claims), cases[i].problem);
}

static void test_expiry_with_leeway(void **state)
{
    const char *claims = "{" GOOD ",\"exp\":1700000000}";
    int64_t expires_ms = 0;

    (void)state;
    assert_int_equal(check_at(claims, INT64_C(1700000004999), &expires_ms), TOKEN_PROBLEM_NONE);
    assert_int_equal(expires_ms, INT64_C(1700000005000));
    assert_int_equal(check_at(claims, INT64_C(1700000005000), &expires_ms), TOKEN_PROBLEM_EXPIRED);
}

static void test_header(void **state)
{
    static const struct {
        const char *header;
        enum token_problem problem;
    } cases[] = {
        {"{\"alg\":\"HS256\"}", TOKEN_PROBLEM_NONE},
        {"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":{}}", TOKEN_PROBLEM_NONE},
        {"{\"alg\":\"none\"}", TOKEN_PROBLEM_ALGORITHM},
        {"{\"alg\":\"HS512\"}", TOKEN_PROBLEM_ALGORITHM},
        {"{\"alg\":\"hs256\"}", TOKEN_PROBLEM_ALGORITHM},
        {"{\"alg\":\"RS256\"}", TOKEN_PROBLEM_ALGORITHM},
        {"{\"typ\":\"JWT\"}", TOKEN_PROBLEM_ALGORITHM},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", TOKEN_PROBLEM_MALFORMED},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", TOKEN_PROBLEM_MALFORMED},
        {"{\"alg\":null}", TOKEN_PROBLEM_MALFORMED},
        {"\"HS256\"", TOKEN_PROBLEM_MALFORMED},
        {"", TOKEN_PROBLEM_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(token_header_check(span_text(cases[i].header)), cases[i].problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_expiry_with_leeway),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
