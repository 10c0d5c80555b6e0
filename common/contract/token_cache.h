/* The tokens that were found good, by their SHA-256, until they expire.
 *
 *     digest ──first byte──▶ row of TOKEN_CACHE_WAYS entries ──compared in full, in constant time
 *
 * Only tokens with a good signature come in, so a stranger can neither fill it nor learn from it.
 * Private to token.c; embedded in a verifier.
 */
#ifndef SLIP_CONTRACT_TOKEN_CACHE_H
#define SLIP_CONTRACT_TOKEN_CACHE_H

#include "common/base/span.h"

#define TOKEN_DIGEST_BYTES 32
#define TOKEN_CACHE_ROWS   64
#define TOKEN_CACHE_WAYS   4 /* 256 entries in all */

struct token_cache_entry {
    unsigned char digest[TOKEN_DIGEST_BYTES];
    int64_t expires_ms; /* 0: empty */
};

struct token_cache {
    struct token_cache_entry rows[TOKEN_CACHE_ROWS][TOKEN_CACHE_WAYS];
};

/* Is it there, and good at `now_ms`? Then *ret_expires_ms is until when. */
MUST_USE
bool token_cache_find(const struct token_cache *cache,
                      const unsigned char digest[TOKEN_DIGEST_BYTES], int64_t now_ms,
                      int64_t *ret_expires_ms);

/* Keeps it until `expires_ms`; of a full row the entry that expires first makes room. */
void token_cache_add(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     int64_t expires_ms);

#endif
