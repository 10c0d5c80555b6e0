/* Tokens (JWT, RFC 7519, with HS256 of RFC 7518 §3.2), by libjwt: the broker signs what it posts to
 * the backend and verifies what calls the REST API.
 *
 *     signer    one token serves many requests: signed for 60 s, renewed after 30 s
 *     verifier  several secrets (rotation); remembers the tokens it has found good, so that a busy
 *               backend costs a hash and a look-up per request
 *
 * A signer or verifier belongs to one thread. Secrets are copied, and wiped at destroy.
 */
#ifndef SLIP_CONTRACT_TOKEN_H
#define SLIP_CONTRACT_TOKEN_H

#include "common/base/span.h"

#define TOKEN_ISSUER           "slip-sockets"
#define TOKEN_AUDIENCE_EVENT   "WebSocketEvent" /* broker → backend */
#define TOKEN_AUDIENCE_CONTROL "ControlEvent"   /* backend → broker */
#define TOKEN_BYTES_MAX        8192
#define TOKEN_LIFETIME_S       60
#define TOKEN_RENEW_S          30

/* TOKEN_PROBLEM(ID, "label for metrics", "sentence for logs") */
#define TOKEN_PROBLEMS(TOKEN_PROBLEM)                                             \
    TOKEN_PROBLEM(NONE, "none", "the token is good")                              \
    TOKEN_PROBLEM(MISSING, "missing", "no bearer token in Authorization")         \
    TOKEN_PROBLEM(MALFORMED, "malformed", "the token is not a JWT")               \
    TOKEN_PROBLEM(ALGORITHM, "algorithm", "the token's algorithm is not HS256")   \
    TOKEN_PROBLEM(SIGNATURE, "signature", "no secret made the token's signature") \
    TOKEN_PROBLEM(ISSUER, "issuer", "the token's issuer is another")              \
    TOKEN_PROBLEM(AUDIENCE, "audience", "the token is for another audience")      \
    TOKEN_PROBLEM(EXPIRED, "expired", "the token has expired, or has no expiry")  \
    TOKEN_PROBLEM(NOT_YET, "not_yet", "the token is not valid yet")

enum token_problem {
#define TOKEN_PROBLEM(id, label, text) TOKEN_PROBLEM_##id,
    TOKEN_PROBLEMS(TOKEN_PROBLEM)
#undef TOKEN_PROBLEM
        TOKEN_PROBLEM_COUNT
};

const char *token_problem_label(enum token_problem problem);
const char *token_problem_text(enum token_problem problem);

/* A token for `audience`, good from now for `lifetime_s`; `now_ms` is CLOCK_REALTIME. The secret is
 * not empty (asserted). The caller frees the result. */
MUST_USE
char *token_sign(struct span secret, const char *audience, int64_t now_ms, int64_t lifetime_s);

struct token_signer;

/* Never NULL. The secret is not empty (asserted); `audience` is static. */
MUST_USE
struct token_signer *token_signer_new(struct span secret, const char *audience);
void token_signer_destroy(struct token_signer **signer);

/* A token with at least TOKEN_LIFETIME_S - TOKEN_RENEW_S seconds to go, NUL-terminated, the
 * signer's; valid until the next call. `*ret_is_new` (may be NULL) tells whether it changed since
 * the last call, so that a caller may keep the header line it made of it. A clock that was set back
 * renews it too. */
const char *token_signer_token(struct token_signer *signer, int64_t now_ms, bool *ret_is_new);

/* A token of its own, good for `lifetime_s`. The caller frees it. */
MUST_USE
char *token_signer_sign(const struct token_signer *signer, int64_t now_ms, int64_t lifetime_s);

struct token_verifier;

/* Never NULL. At least one secret, none empty (asserted); `audience` is static. `leeway_ms` is the
 * clock difference allowed. */
MUST_USE
struct token_verifier *token_verifier_new(const struct span *secrets, size_t secret_count,
                                          const char *audience, int64_t leeway_ms);
void token_verifier_destroy(struct token_verifier **verifier);

/* Checks the value of an Authorization field ("Bearer <token>", RFC 6750 §2.1; an empty span when
 * there is none), at `now_ms` of CLOCK_REALTIME. In this order: form, algorithm (HS256 only,
 * before anything else of the token is believed), signature in constant time by each secret,
 * issuer, audience (a string, or an array that holds it), exp (required), nbf and iat (not in the
 * future). 0, or -EACCES with *ret_problem. */
MUST_USE
int token_verify(struct token_verifier *verifier, struct span authorization, int64_t now_ms,
                 enum token_problem *ret_problem);

/* token_verify(), and until when the token is good: its exp and the leeway. */
MUST_USE
int token_verify_until(struct token_verifier *verifier, struct span authorization, int64_t now_ms,
                       int64_t *ret_expires_ms, enum token_problem *ret_problem);

#endif
