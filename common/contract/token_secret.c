#include "common/contract/token_secret.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

void token_secret_init(struct token_secret *secret, struct span text)
{
    ASSERT(text.length > 0 && text.length <= INT_MAX);
    secret->data = xmemdup0(text.data, text.length);
    secret->length = text.length;
}

void token_secret_fini(struct token_secret *secret)
{
    if (secret->data)
        OPENSSL_cleanse(secret->data, secret->length);
    free(secret->data);
    *secret = (struct token_secret){0};
}

bool token_secret_made(const struct token_secret *secret, struct span signed_text,
                       struct span signature)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    ASSERT(HMAC(EVP_sha256(), secret->data, (int)secret->length,
                (const unsigned char *)signed_text.data, signed_text.length, expected, &length));
    return signature.length == length && CRYPTO_memcmp(signature.data, expected, length) == 0;
}
