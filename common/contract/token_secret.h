/* A secret of tokens: a copy of our own, wiped when it is released. Private to the token files. */
#ifndef SLIP_CONTRACT_TOKEN_SECRET_H
#define SLIP_CONTRACT_TOKEN_SECRET_H

#include "common/base/span.h"

struct token_secret {
    char *data;
    size_t length;
};

/* Copies `text`, which is not empty (asserted). */
void token_secret_init(struct token_secret *secret, struct span text);
void token_secret_fini(struct token_secret *secret);

/* Did the secret make `signature` for `signed_text` (HMAC-SHA-256, RFC 7518 §3.2)? In constant
 * time. */
MUST_USE
bool token_secret_made(const struct token_secret *secret, struct span signed_text,
                       struct span signature);

#endif
