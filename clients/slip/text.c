#include "clients/slip/text.h"

#include <locale.h>
#include <wchar.h>

#include "common/text/utf8.h"

void text_init(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "");
}

/* The next character of valid UTF-8; its length in bytes. */
static size_t decode(struct span text, uint32_t *ret_code_point)
{
    unsigned char first = (unsigned char)text.data[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code_point = length == 1 ? first : first & (0xffU >> (length + 1));

    for (size_t i = 1; i < length; i++)
        code_point = code_point << 6 | ((unsigned char)text.data[i] & 0x3f);
    *ret_code_point = code_point;
    return length;
}

static bool turns_direction(uint32_t code_point)
{
    return code_point == 0x061c || code_point == 0x200e || code_point == 0x200f ||
           (code_point >= 0x202a && code_point <= 0x202e) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

static int width_of(uint32_t code_point)
{
    return code_point < 0x80 ? (code_point >= ' ' && code_point < 0x7f ? 1 : -1)
                             : wcwidth((wchar_t)code_point);
}

static void append_escaped(struct buffer *buffer, uint32_t code_point)
{
    if (code_point == '\n')
        buffer_append_text(buffer, "\\n");
    else if (code_point == '\t')
        buffer_append_text(buffer, "\\t");
    else if (code_point == '\r')
        buffer_append_text(buffer, "\\r");
    else if (code_point < 0x100)
        buffer_append_format(buffer, "\\x%02x", code_point);
    else
        buffer_append_format(buffer, "\\u%04x", code_point);
}

void text_append_safe(struct buffer *buffer, struct span text)
{
    while (text.length > 0) {
        size_t length = 1;
        uint32_t code_point = (unsigned char)text.data[0];
        size_t whole = utf8_valid_length(span_of(text.data, min_size(text.length, 4)));
        if (whole > 0)
            length = decode(text, &code_point);
        if (whole > 0 && width_of(code_point) >= 0 && !turns_direction(code_point))
            buffer_append(buffer, text.data, length);
        else
            append_escaped(buffer, code_point);
        text = span_of(text.data + length, text.length - length);
    }
}

/* Bytes of the longest start that fits into `width`. */
static size_t fitting(struct span text, size_t width, size_t *ret_width)
{
    size_t bytes = 0, used = 0;

    while (bytes < text.length) {
        uint32_t code_point;
        size_t length = decode(span_of(text.data + bytes, text.length - bytes), &code_point);
        int wide = width_of(code_point);
        if (wide > 0 && used + (size_t)wide > width)
            break;
        used += wide > 0 ? (size_t)wide : 0;
        bytes += length;
    }
    *ret_width = used;
    return bytes;
}

size_t text_width(struct span text)
{
    size_t width;
    (void)fitting(text, SIZE_MAX, &width);
    return width;
}

void text_append_fitted(struct buffer *buffer, struct span text, size_t width, bool pad)
{
    size_t used;
    size_t bytes = fitting(text, width, &used);

    if (bytes < text.length && width > 0) {
        bytes = fitting(text, width - 1, &used);
        buffer_append(buffer, text.data, bytes);
        buffer_append_text(buffer, "…");
        used++;
    } else {
        buffer_append(buffer, text.data, bytes);
    }
    for (; pad && used < width; used++)
        buffer_append_byte(buffer, ' ');
}
