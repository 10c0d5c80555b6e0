#include "common/base/span.h"

#include <errno.h>

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c | 0x20);
    return c;
}

bool span_equal_nocase(struct span a, struct span b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span a)
{
    while (a.length > 0 && is_blank(a.data[0])) {
        a.data++;
        a.length--;
    }
    while (a.length > 0 && is_blank(a.data[a.length - 1]))
        a.length--;
    return a;
}

struct span span_split(struct span *rest, char separator)
{
    const char *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    struct span part = *rest;
    if (!end) {
        *rest = span_of(NULL, 0);
        return part;
    }
    part.length = (size_t)(end - rest->data);
    *rest = span_of(end + 1, rest->length - part.length - 1);
    return part;
}

int span_to_u64(struct span text, uint64_t maximum, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.length == 0)
        return -EINVAL;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        value = value * 10 + digit;
    }
    if (value > maximum)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

char *span_dup(struct span a)
{
    return xmemdup0(a.data, a.length);
}
