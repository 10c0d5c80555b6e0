/* What the reader and the writer of JSON share: the run of characters that stand for themselves. */
#ifndef SLIP_TEXT_JSON_SCAN_H
#define SLIP_TEXT_JSON_SCAN_H

#include <endian.h>

#include "common/base/span.h"

/* The top bit of each byte that answers; only bytes after one that does may answer wrongly. */
#define JSON_EACH_BYTE(byte)        (UINT64_C(0x0101010101010101) * (byte))
#define JSON_ANY_BELOW(word, limit) (((word)-JSON_EACH_BYTE(limit)) & ~(word)&JSON_EACH_BYTE(0x80))
#define JSON_ANY_EQUAL(word, byte)  JSON_ANY_BELOW((word) ^ JSON_EACH_BYTE(byte), 1)

/* Where the first quote, backslash or control character stands, or `end` (RFC 8259 §7: all others
 * may stand unescaped). Eight bytes at a time: most strings need no escape at all. */
static inline const char *json_plain_end(const char *at, const char *end)
{
    uint64_t word, hits;

    for (; end - at >= (ptrdiff_t)sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        hits = JSON_ANY_BELOW(word, 0x20) | JSON_ANY_EQUAL(word, '"') | JSON_ANY_EQUAL(word, '\\');
        if (hits)
            return at + __builtin_ctzll(hits) / 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    return at;
}

#endif
