#include <errno.h>
#include <jwt.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "common/contract/token.h"
#include "common/contract/token_cache.h"
#include "common/contract/token_claims.h"
#include "common/contract/token_secret.h"
#include "common/text/base64.h"

struct token_verifier {
    struct token_secret *secrets;
    size_t secret_count;
    const char *audience;
    int64_t leeway_ms;
    struct token_cache cache;
};

/* header "." payload "." signature */
struct token_parts {
    struct span whole;
    struct span header;
    struct span signed_text; /* header "." payload */
    struct span signature;
};

static const struct {
    const char *label;
    const char *text;
} problems[TOKEN_PROBLEM_COUNT] = {
#define TOKEN_PROBLEM(id, label, text) [TOKEN_PROBLEM_##id] = {label, text},
    TOKEN_PROBLEMS(TOKEN_PROBLEM)
#undef TOKEN_PROBLEM
};

const char *token_problem_label(enum token_problem problem)
{
    return problems[problem].label;
}

const char *token_problem_text(enum token_problem problem)
{
    return problems[problem].text;
}

struct token_verifier *token_verifier_new(const struct span *secrets, size_t secret_count,
                                          const char *audience, int64_t leeway_ms)
{
    struct token_verifier *verifier = xcalloc(1, sizeof *verifier);

    ASSERT(secret_count > 0);
    verifier->secrets = xcalloc(secret_count, sizeof verifier->secrets[0]);
    verifier->secret_count = secret_count;
    for (size_t i = 0; i < secret_count; i++)
        token_secret_init(&verifier->secrets[i], secrets[i]);
    verifier->audience = audience;
    verifier->leeway_ms = leeway_ms;
    return verifier;
}

void token_verifier_destroy(struct token_verifier **verifier)
{
    if (!*verifier)
        return;
    for (size_t i = 0; i < (*verifier)->secret_count; i++)
        token_secret_fini(&(*verifier)->secrets[i]);
    free((*verifier)->secrets);
    free(*verifier);
    *verifier = NULL;
}

/* The scheme's case does not matter (RFC 9110 §11.1). */
static struct span bearer_token(struct span authorization)
{
    struct span scheme = span_text("bearer ");

    authorization = span_trim(authorization);
    if (authorization.length < scheme.length ||
        !span_equal_nocase(span_of(authorization.data, scheme.length), scheme))
        return span_of(NULL, 0);
    return span_trim(
        span_of(authorization.data + scheme.length, authorization.length - scheme.length));
}

static bool split(struct span token, struct token_parts *ret_parts)
{
    struct span rest = token;

    if (token.length > TOKEN_BYTES_MAX)
        return false;
    ret_parts->whole = token;
    ret_parts->header = span_split(&rest, '.');
    struct span payload = span_split(&rest, '.');
    if (!rest.data || memchr(rest.data, '.', rest.length))
        return false;
    ret_parts->signature = rest;
    ret_parts->signed_text =
        span_of(token.data, (size_t)(payload.data + payload.length - token.data));
    return true;
}

static enum token_problem check_header(const struct token_parts *parts)
{
    char header[TOKEN_BYTES_MAX + 3];
    size_t length;

    if (base64url_decode(parts->header, header, &length) < 0)
        return TOKEN_PROBLEM_MALFORMED;
    return token_header_check(span_of(header, length));
}

/* Every secret is tried, also after one has matched, so that the time tells nothing about which. */
static const struct token_secret *signing_secret(const struct token_verifier *verifier,
                                                 const struct token_parts *parts)
{
    const struct token_secret *found = NULL;
    char signature[TOKEN_BYTES_MAX + 3];
    size_t length;

    if (base64url_decode(parts->signature, signature, &length) < 0)
        return NULL;
    for (size_t i = 0; i < verifier->secret_count; i++) {
        if (token_secret_made(&verifier->secrets[i], parts->signed_text,
                              span_of(signature, length)))
            found = &verifier->secrets[i];
    }
    return found;
}

/* By libjwt, which checks the signature once more and reads the claims; we checked it before
 * because libjwt's comparison of signatures does not promise constant time. */
static enum token_problem check_claims(const struct token_verifier *verifier,
                                       const struct token_parts *parts,
                                       const struct token_secret *secret, int64_t now_ms,
                                       int64_t *ret_expires_ms)
{
    enum token_problem problem = TOKEN_PROBLEM_MALFORMED;
    char *token = span_dup(parts->whole);
    char *claims = NULL;
    jwt_t *jwt = NULL;

    if (jwt_decode(&jwt, token, (const unsigned char *)secret->data, (int)secret->length) != 0)
        goto out;
    if (jwt_get_alg(jwt) != JWT_ALG_HS256) {
        problem = TOKEN_PROBLEM_ALGORITHM;
        goto out;
    }
    claims = jwt_get_grants_json(jwt, NULL);
    if (claims)
        problem = token_claims_check(span_text(claims), verifier->audience, verifier->leeway_ms,
                                     now_ms, ret_expires_ms);
out:
    free(claims);
    jwt_free(jwt);
    free(token);
    return problem;
}

static enum token_problem verify(struct token_verifier *verifier, struct span token, int64_t now_ms,
                                 int64_t *ret_expires_ms)
{
    unsigned char digest[TOKEN_DIGEST_BYTES];
    struct token_parts parts;

    if (token.length == 0)
        return TOKEN_PROBLEM_MISSING;
    if (!split(token, &parts))
        return TOKEN_PROBLEM_MALFORMED;
    SHA256((const unsigned char *)token.data, token.length, digest);
    if (token_cache_find(&verifier->cache, digest, now_ms, ret_expires_ms))
        return TOKEN_PROBLEM_NONE;
    enum token_problem problem = check_header(&parts);
    if (problem != TOKEN_PROBLEM_NONE)
        return problem;
    const struct token_secret *secret = signing_secret(verifier, &parts);
    if (!secret)
        return TOKEN_PROBLEM_SIGNATURE;
    problem = check_claims(verifier, &parts, secret, now_ms, ret_expires_ms);
    if (problem == TOKEN_PROBLEM_NONE)
        token_cache_add(&verifier->cache, digest, *ret_expires_ms);
    return problem;
}

int token_verify_until(struct token_verifier *verifier, struct span authorization, int64_t now_ms,
                       int64_t *ret_expires_ms, enum token_problem *ret_problem)
{
    int64_t expires_ms = 0;
    enum token_problem problem = verify(verifier, bearer_token(authorization), now_ms, &expires_ms);

    if (problem == TOKEN_PROBLEM_NONE) {
        *ret_expires_ms = expires_ms;
        return 0;
    }
    *ret_problem = problem;
    return -EACCES;
}

int token_verify(struct token_verifier *verifier, struct span authorization, int64_t now_ms,
                 enum token_problem *ret_problem)
{
    int64_t expires_ms;
    return token_verify_until(verifier, authorization, now_ms, &expires_ms, ret_problem);
}
