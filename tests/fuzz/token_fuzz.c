/* What a stranger puts into Authorization, and what one who knows the secret puts into a token. */
#include "common/contract/token_claims.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span secret = span_of("secret", 6), input = span_of(data, size);
    struct token_verifier *verifier = token_verifier_new(&secret, 1, "ControlEvent", 5000);
    enum token_problem problem;
    int64_t expires_ms = 0;
    if (token_verify(verifier, input, 1700000000000, &problem) < 0)
        ASSERT(problem != TOKEN_PROBLEM_NONE);
    (void)!token_header_check(input);
    if (token_claims_check(input, "ControlEvent", 5000, 1700000000000, &expires_ms) == 0)
        ASSERT(expires_ms > 1700000000000);
    token_verifier_destroy(&verifier);
    return 0;
}
