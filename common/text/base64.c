#include "common/text/base64.h"

#include <errno.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each character plus one, so that what a table does not name is 0. The rows that
 * differ between the alphabets are parameters. */
/* clang-format off */
#define LETTERS                                                                         \
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7,        \
    ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,   \
    ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, \
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, \
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, \
    ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, \
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, \
    ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
/* clang-format on */
static const uint8_t standard_value[256] = {LETTERS, ['+'] = 63, ['/'] = 64};
static const uint8_t url_safe_value[256] = {LETTERS, ['-'] = 63, ['_'] = 64};

/* Encodes all of `data`, the last one or two bytes without padding; returns the characters. */
static size_t encode(const char alphabet[64], struct span data, char *text)
{
    const unsigned char *in = (const unsigned char *)data.data;
    size_t left = data.length;
    char *out = text;

    for (; left >= 3; left -= 3, in += 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    if (left > 0) {
        uint32_t group = (uint32_t)in[0] << 16 | (left > 1 ? (uint32_t)in[1] << 8 : 0);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        if (left > 1)
            *out++ = alphabet[group >> 6 & 63];
    }
    return (size_t)(out - text);
}

void base64_append(struct buffer *buffer, struct span data)
{
    size_t length = base64_encoded_length(data.length);
    char *text = buffer_reserve(buffer, length);

    for (size_t used = encode(standard, data, text); used < length; used++)
        text[used] = '=';
    buffer_commit(buffer, length);
}

void base64url_append(struct buffer *buffer, struct span data)
{
    char *text = buffer_reserve(buffer, base64_encoded_length(data.length));

    buffer_commit(buffer, encode(url_safe, data, text));
}

/* The last two or three characters, whose surplus bits must be 0 (RFC 4648 §3.5). */
static int decode_tail(const uint8_t value[256], const unsigned char *in, size_t left, char *out)
{
    uint8_t a = value[in[0]], b = value[in[1]], c = left > 2 ? value[in[2]] : 1;

    if (a == 0 || b == 0 || c == 0)
        return -EINVAL;
    uint32_t group = (a - 1u) << 18 | (b - 1u) << 12 | (c - 1u) << 6;
    if (group & (left > 2 ? 0xffu : 0xffffu))
        return -EINVAL;
    out[0] = (char)(group >> 16);
    if (left > 2)
        out[1] = (char)(group >> 8 & 0xff);
    return 0;
}

static int decode(const uint8_t value[256], struct span text, char *data, size_t *ret_length)
{
    const unsigned char *in = (const unsigned char *)text.data;
    size_t left = text.length;
    char *out = data;

    if (left % 4 == 1)
        return -EINVAL;
    for (; left >= 4; left -= 4, in += 4) {
        uint32_t a = value[in[0]], b = value[in[1]], c = value[in[2]], d = value[in[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0)
            return -EINVAL;
        uint32_t group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        *out++ = (char)(group >> 16);
        *out++ = (char)(group >> 8 & 0xff);
        *out++ = (char)(group & 0xff);
    }
    if (left > 0) {
        int error = decode_tail(value, in, left, out);
        if (error < 0)
            return error;
        out += left - 1;
    }
    *ret_length = (size_t)(out - data);
    return 0;
}

int base64_decode(struct span text, char *data, size_t *ret_length)
{
    if (text.length % 4 != 0)
        return -EINVAL;
    for (int padding = 0; padding < 2 && text.length > 0; padding++) {
        if (text.data[text.length - 1] == '=')
            text.length--;
    }
    return decode(standard_value, text, data, ret_length);
}

int base64url_decode(struct span text, char *data, size_t *ret_length)
{
    return decode(url_safe_value, text, data, ret_length);
}
