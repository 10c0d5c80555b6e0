/* What a token claims, once its signature is known to be good. Private to token.c. */
#ifndef SLIP_CONTRACT_TOKEN_CLAIMS_H
#define SLIP_CONTRACT_TOKEN_CLAIMS_H

#include "common/contract/token.h"

/* Checks the claims of a token: a JSON object. `*ret_expires_ms` is when it stops being good,
 * leeway included. TOKEN_PROBLEM_NONE, or the first that is wrong. */
MUST_USE
enum token_problem token_claims_check(struct span claims, const char *audience, int64_t leeway_ms,
                                      int64_t now_ms, int64_t *ret_expires_ms);

/* Checks the protected header: a JSON object with alg HS256 and nothing that must be understood
 * (crit, RFC 7515 §4.1.11). */
MUST_USE
enum token_problem token_header_check(struct span header);

#endif
