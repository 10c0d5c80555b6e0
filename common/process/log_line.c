#include "common/process/log_line.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/text/utf8.h"

enum { TAIL_BYTES = sizeof(",\"truncated\":true}\n") }; /* kept free for log_line_end */

void log_line_begin(struct log_line *line, enum log_format format)
{
    line->format = format;
    line->length = 0;
    line->is_truncated = false;
}

static void put(struct log_line *line, const char *data, size_t length)
{
    if (length > LOG_LINE_BYTES - TAIL_BYTES - line->length) {
        line->is_truncated = true;
        return;
    }
    memcpy(line->text + line->length, data, length);
    line->length += length;
}

static void put_text(struct log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* U+2028 and U+2029, where some programs begin a new line. */
static bool is_separator(const char *data, size_t length)
{
    return length == 3 &&
           (memcmp(data, "\xe2\x80\xa8", 3) == 0 || memcmp(data, "\xe2\x80\xa9", 3) == 0);
}

/* One character (already known to be valid UTF-8), or one byte that is not. Control characters,
 * C1 ones and the line separators included, must not reach a terminal or split a line. */
static void put_character(struct log_line *line, const char *data, size_t length)
{
    unsigned char c = (unsigned char)data[0];
    char escape[8];
    if (c == '"' || c == '\\')
        snprintf(escape, sizeof(escape), "\\%c", c);
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(escape, sizeof(escape), "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c < 0x20 || c == 0x7f)
        snprintf(escape, sizeof(escape), "\\u%04x", c);
    else if (is_separator(data, length))
        snprintf(escape, sizeof(escape), "\\u%04x", 0x2000 | ((unsigned char)data[2] & 0x3f));
    else if (c == 0xc2 && length == 2 && (unsigned char)data[1] < 0xa0)
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)data[1]);
    else {
        put(line, data, length);
        return;
    }
    put_text(line, escape);
}

static size_t character_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* What is not UTF-8 is shown as U+FFFD, byte by byte. */
static void put_escaped(struct log_line *line, struct span text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t at = 0;
    while (at < text.length) {
        size_t valid_end = at + utf8_valid_length(span_of(text.data + at, text.length - at));
        while (at < valid_end) {
            size_t length = character_length((unsigned char)text.data[at]);
            put_character(line, text.data + at, length);
            at += length;
        }
        if (at < text.length) {
            put_text(line, replacement);
            at++;
        }
    }
}

/* A logfmt value without quotes: nothing in it that a reader could take for structure. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.length > 0;
}

/* So that the cut does not fall into a character. */
static struct span cut(struct span text)
{
    size_t length = LOG_VALUE_BYTES;
    while (length > LOG_VALUE_BYTES - 4 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
        length--;
    return span_of(text.data, length);
}

static void put_string(struct log_line *line, struct span text)
{
    bool is_long = text.length > LOG_VALUE_BYTES;
    if (is_long)
        text = cut(text);
    bool quoted = is_long || line->format == LOG_FORMAT_JSON || !is_plain(text);
    if (quoted)
        put_text(line, "\"");
    put_escaped(line, text);
    if (is_long)
        put_text(line, "...");
    if (quoted)
        put_text(line, "\"");
}

static void put_value(struct log_line *line, const struct log_field *field)
{
    char number[24];
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        put_string(line, field->value.text);
        return;
    case LOG_FIELD_BOOL:
        put_text(line, field->value.natural ? "true" : "false");
        return;
    case LOG_FIELD_INT:
        snprintf(number, sizeof(number), "%" PRId64, field->value.integer);
        break;
    case LOG_FIELD_UINT:
        snprintf(number, sizeof(number), "%" PRIu64, field->value.natural);
        break;
    case LOG_FIELD_END:
        ASSERT(field->kind != LOG_FIELD_END);
    }
    put_text(line, number);
}

void log_line_add(struct log_line *line, struct log_field field)
{
    bool is_json = line->format == LOG_FORMAT_JSON;
    size_t before = line->length;
    if (!field.key || line->is_truncated)
        return;
    if (is_json)
        put_text(line, before == 0 ? "{\"" : ",\"");
    else if (before > 0)
        put_text(line, " ");
    put_text(line, field.key);
    put_text(line, is_json ? "\":" : "=");
    put_value(line, &field);
    if (line->is_truncated)
        line->length = before;
}

struct span log_line_end(struct log_line *line)
{
    const char *tail = line->is_truncated ? " truncated=true\n" : "\n";
    if (line->format == LOG_FORMAT_JSON)
        tail = line->is_truncated ? ",\"truncated\":true}\n" : "}\n";
    size_t length = strlen(tail);
    memcpy(line->text + line->length, tail, length);
    return span_of(line->text, line->length + length);
}
