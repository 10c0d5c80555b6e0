#include "common/contract/token.h"

#include <stdlib.h>

#include "clients/c/internal.h"
#include "common/base/clock.h"

enum { LEEWAY_MS = 5000, LIFETIME_S_MAX = 10 * 366 * 86400 };

struct slip_verifier {
    struct token_verifier *verifier;
};

struct slip_verifier *slip_verifier_new(const char *const *secrets, size_t count)
{
    struct slip_verifier *verifier = NULL;
    struct span *spans = xcalloc(count + 1, sizeof *spans);

    for (size_t i = 0; i < count; i++) {
        spans[i] = span_text(secrets[i]);
        if (spans[i].length == 0)
            goto out;
    }
    if (count == 0)
        goto out;
    verifier = xcalloc(1, sizeof *verifier);
    verifier->verifier = token_verifier_new(spans, count, TOKEN_AUDIENCE_EVENT, LEEWAY_MS);
out:
    free(spans);
    return verifier;
}

void slip_verifier_free(struct slip_verifier *verifier)
{
    if (!verifier)
        return;
    token_verifier_destroy(&verifier->verifier);
    free(verifier);
}

enum slip_result slip_verifier_check(struct slip_verifier *verifier, const char *authorization,
                                     struct slip_error *error)
{
    enum token_problem problem = TOKEN_PROBLEM_NONE;

    if (token_verify(verifier->verifier, span_text(authorization), clock_realtime_ms(), &problem) ==
        0)
        return SLIP_OK;
    return error_set(error, SLIP_DENIED, "%s", token_problem_text(problem));
}

char *slip_token_new(const char *secret, const char *audience, int64_t lifetime_s)
{
    if (!secret || !*secret || lifetime_s < 1 || lifetime_s > LIFETIME_S_MAX)
        return NULL;
    return token_sign(span_text(secret), audience, clock_realtime_ms(), lifetime_s);
}
