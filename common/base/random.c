#include "common/base/random.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *data, size_t length)
{
    char *place = data;
    while (length > 0) {
        ssize_t got = getrandom(place, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        place += got;
        length -= (size_t)got;
    }
}

/* splitmix64: one multiplication chain is plenty for jitter. */
uint64_t random_below(uint64_t bound)
{
    static uint64_t state;
    ASSERT(bound > 0);
    if (state == 0)
        random_bytes(&state, sizeof(state));
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % bound;
}

uint64_t random_nonzero_u64(void)
{
    uint64_t value = 0;
    while (value == 0)
        random_bytes(&value, sizeof(value));
    return value;
}

void random_text(char *ret_text, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    random_bytes(ret_text, length);
    for (size_t i = 0; i < length; i++)
        ret_text[i] = alphabet[(unsigned char)ret_text[i] & 63];
}
