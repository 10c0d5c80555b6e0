#include <errno.h>

#include "common/text/json.h"
#include "common/text/utf8.h"

static unsigned hex_value(const char *digits)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of a "\u" escape at *at, with its second half if it is a pair; moves *at behind.
 * false for half a pair. */
static bool take_code_point(const char **at, const char *end, uint32_t *ret_code_point)
{
    uint32_t unit = hex_value(*at + 2);

    *at += 6;
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return false;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return false;
        uint32_t low = hex_value(*at + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        *at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret_code_point = unit;
    return true;
}

static char short_escape(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter; /* quote, backslash, slash */
    }
}

int json_unescape(const struct json_value *string, char *text, size_t *ret_length)
{
    struct span inside = json_string_inside(string);
    const char *at = inside.data, *end = inside.data + inside.length;
    char *out = text;
    uint32_t code_point;

    while (at < end) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((backslash ? backslash : end) - at);
        memcpy(out, at, run);
        out += run;
        at += run;
        if (!backslash)
            break;
        if (at[1] != 'u') {
            *out++ = short_escape(at[1]);
            at += 2;
        } else if (take_code_point(&at, end, &code_point)) {
            out += utf8_encode(code_point, out);
        } else {
            return -EINVAL;
        }
    }
    *ret_length = (size_t)(out - text);
    return 0;
}

/* The same walk as json_unescape(), with nowhere to put the text. */
bool json_string_is_text(const struct json_value *string)
{
    struct span inside = json_string_inside(string);
    const char *at = inside.data, *end = inside.data + inside.length;
    uint32_t code_point;

    while ((at = memchr(at, '\\', (size_t)(end - at)))) {
        if (at[1] != 'u')
            at += 2;
        else if (!take_code_point(&at, end, &code_point))
            return false;
    }
    return true;
}
