#include "common/contract/token_cache.h"

#include <openssl/crypto.h>

bool token_cache_find(const struct token_cache *cache,
                      const unsigned char digest[TOKEN_DIGEST_BYTES], int64_t now_ms,
                      int64_t *ret_expires_ms)
{
    const struct token_cache_entry *row = cache->rows[digest[0] % TOKEN_CACHE_ROWS];
    bool found = false;

    for (size_t way = 0; way < TOKEN_CACHE_WAYS; way++) {
        if (CRYPTO_memcmp(row[way].digest, digest, TOKEN_DIGEST_BYTES) != 0 ||
            now_ms >= row[way].expires_ms)
            continue;
        *ret_expires_ms = row[way].expires_ms;
        found = true;
    }
    return found;
}

void token_cache_add(struct token_cache *cache, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     int64_t expires_ms)
{
    struct token_cache_entry *row = cache->rows[digest[0] % TOKEN_CACHE_ROWS];
    struct token_cache_entry *oldest = &row[0];

    for (size_t way = 1; way < TOKEN_CACHE_WAYS; way++) {
        if (row[way].expires_ms < oldest->expires_ms)
            oldest = &row[way];
    }
    memcpy(oldest->digest, digest, TOKEN_DIGEST_BYTES);
    oldest->expires_ms = expires_ms;
}
