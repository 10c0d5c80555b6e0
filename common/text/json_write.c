#include "common/text/json.h"
#include "common/text/json_scan.h"
#include "common/text/utf8.h"

static void append_escape(struct buffer *buffer, char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[0x80] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
        ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
    };
    size_t code = (unsigned char)byte;
    char *out = buffer_reserve(buffer, 6);

    ASSERT(code < sizeof letters);
    out[0] = '\\';
    out[1] = letters[code];
    if (letters[code]) {
        buffer_commit(buffer, 2);
        return;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = digits[code >> 4];
    out[5] = digits[code & 0xf];
    buffer_commit(buffer, 6);
}

void json_append_escaped(struct buffer *buffer, struct span text)
{
    if (text.length == 0)
        return; /* its data may be NULL, which nothing may be added to */
    const char *at = text.data, *end = text.data + text.length;

    while (at < end) {
        const char *run_end = json_plain_end(at, end);
        buffer_append(buffer, at, (size_t)(run_end - at));
        at = run_end;
        if (at < end)
            append_escape(buffer, *at++);
    }
}

void json_append_string(struct buffer *buffer, struct span text)
{
    buffer_append_byte(buffer, '"');
    json_append_escaped(buffer, text);
    buffer_append_byte(buffer, '"');
}

void json_append_integer(struct buffer *buffer, int64_t value)
{
    buffer_append_format(buffer, "%lld", (long long)value);
}

/* Each byte of Latin-1 is the code point of the same number. */
static void append_latin1(struct buffer *buffer, struct span bytes)
{
    char character[4];

    for (size_t i = 0; i < bytes.length; i++) {
        size_t length = utf8_encode((unsigned char)bytes.data[i], character);
        json_append_escaped(buffer, span_of(character, length));
    }
}

void json_append_foreign_escaped(struct buffer *buffer, struct span bytes)
{
    if (utf8_is_valid(bytes))
        json_append_escaped(buffer, bytes);
    else
        append_latin1(buffer, bytes);
}

void json_append_foreign(struct buffer *buffer, struct span bytes)
{
    buffer_append_byte(buffer, '"');
    json_append_foreign_escaped(buffer, bytes);
    buffer_append_byte(buffer, '"');
}
