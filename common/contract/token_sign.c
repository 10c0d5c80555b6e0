#include <jwt.h>
#include <stdlib.h>

#include "common/contract/token.h"
#include "common/contract/token_secret.h"

struct token_signer {
    struct token_secret secret;
    const char *audience;
    char *token; /* NULL before the first */
    int64_t signed_at_ms;
};

/* libjwt fails here only for want of memory: every argument is ours. */
char *token_sign(struct span secret, const char *audience, int64_t now_ms, int64_t lifetime_s)
{
    long now_s = (long)(now_ms / 1000);
    jwt_t *jwt = NULL;
    char *token;

    ASSERT(secret.length > 0 && secret.length <= INT32_MAX);
    ASSERT(jwt_new(&jwt) == 0);
    ASSERT(jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.data,
                       (int)secret.length) == 0);
    ASSERT(jwt_add_grant(jwt, "iss", TOKEN_ISSUER) == 0);
    ASSERT(jwt_add_grant(jwt, "aud", audience) == 0);
    ASSERT(jwt_add_grant_int(jwt, "iat", now_s) == 0);
    ASSERT(jwt_add_grant_int(jwt, "exp", now_s + (long)lifetime_s) == 0);
    token = jwt_encode_str(jwt);
    ASSERT(token);
    jwt_free(jwt);
    return token;
}

struct token_signer *token_signer_new(struct span secret, const char *audience)
{
    struct token_signer *signer = xcalloc(1, sizeof *signer);

    token_secret_init(&signer->secret, secret);
    signer->audience = audience;
    return signer;
}

void token_signer_destroy(struct token_signer **signer)
{
    if (!*signer)
        return;
    token_secret_fini(&(*signer)->secret);
    free((*signer)->token);
    free(*signer);
    *signer = NULL;
}

char *token_signer_sign(const struct token_signer *signer, int64_t now_ms, int64_t lifetime_s)
{
    return token_sign(span_of(signer->secret.data, signer->secret.length), signer->audience, now_ms,
                      lifetime_s);
}

const char *token_signer_token(struct token_signer *signer, int64_t now_ms, bool *ret_is_new)
{
    int64_t age_ms = now_ms - signer->signed_at_ms;
    bool is_good = signer->token && age_ms >= 0 && age_ms < TOKEN_RENEW_S * INT64_C(1000);

    if (!is_good) {
        free(signer->token);
        signer->token = token_signer_sign(signer, now_ms, TOKEN_LIFETIME_S);
        signer->signed_at_ms = now_ms;
    }
    if (ret_is_new)
        *ret_is_new = !is_good;
    return signer->token;
}
