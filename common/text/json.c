#include "common/text/json.h"

#include <errno.h>
#include <stdlib.h>

#include "common/text/json_scan.h"
#include "common/text/utf8.h"

enum { NUMBER_LENGTH_MAX = 64 };

/* Nothing is left to read after an error, so no function needs to ask for it before it looks at the
 * next byte. */
static void fail_at(struct json_reader *reader, const char *at, const char *reason)
{
    if (reader->error)
        return;
    reader->error = reason;
    reader->error_position = (size_t)(at - reader->start);
    reader->at = reader->end;
}

void json_fail(struct json_reader *reader, const char *reason)
{
    fail_at(reader, reader->at, reason);
}

void json_reader_init(struct json_reader *reader, struct span text)
{
    size_t valid = utf8_valid_length(text);

    if (!text.data)
        text = span_of("", 0);
    reader->start = reader->at = text.data;
    reader->end = text.data + text.length;
    reader->error = NULL;
    reader->error_position = 0;
    reader->depth = 0;
    reader->is_first = false;
    if (valid < text.length)
        fail_at(reader, text.data + valid, "is not UTF-8");
}

static void skip_blanks(struct json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static bool take_byte(struct json_reader *reader, char byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static const char *end_or(const struct json_reader *reader, const char *reason)
{
    return reader->at == reader->end ? "ends too early" : reason;
}

enum json_kind json_peek(struct json_reader *reader)
{
    skip_blanks(reader);
    if (reader->at == reader->end)
        return JSON_NONE;
    switch (*reader->at) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOLEAN;
    case 'n':
        return JSON_NULL;
    default:
        return *reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9') ? JSON_NUMBER
                                                                                : JSON_NONE;
    }
}

static void enter(struct json_reader *reader, char opening, const char *reason)
{
    skip_blanks(reader);
    if (reader->depth == JSON_DEPTH_MAX) {
        json_fail(reader, "is nested too deeply");
    } else if (!take_byte(reader, opening)) {
        json_fail(reader, end_or(reader, reason));
    } else {
        reader->depth++;
        reader->is_first = true;
    }
}

void json_enter_object(struct json_reader *reader)
{
    enter(reader, '{', "is not an object");
}

void json_enter_array(struct json_reader *reader)
{
    enter(reader, '[', "is not an array");
}

/* Between two items of a container: the comma, or the end of the container. */
static bool next_item(struct json_reader *reader, char closing)
{
    bool is_first = reader->is_first;

    reader->is_first = false;
    skip_blanks(reader);
    if (take_byte(reader, closing)) {
        reader->depth--;
        return false;
    }
    if (!is_first) {
        if (!take_byte(reader, ','))
            json_fail(reader, end_or(reader, "lacks a comma"));
        skip_blanks(reader);
    }
    if (reader->at == reader->end)
        json_fail(reader, "ends too early");
    return !reader->error;
}

bool json_next_element(struct json_reader *reader)
{
    return next_item(reader, ']');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At a backslash. */
static void scan_escape(struct json_reader *reader)
{
    const char *backslash = reader->at++;

    if (reader->at < reader->end && *reader->at == 'u') {
        const char *digit = ++reader->at;
        for (; digit < reader->end && digit < reader->at + 4 && is_hex(*digit);)
            digit++;
        if (digit != reader->at + 4)
            fail_at(reader, backslash, "holds a malformed escape");
        else
            reader->at = digit;
    } else if (reader->at < reader->end && *reader->at && strchr("\"\\/bfnrt", *reader->at)) {
        reader->at++;
    } else {
        fail_at(reader, backslash, "holds a malformed escape");
    }
}

/* At a quote; true when the string holds escapes. */
static bool scan_string(struct json_reader *reader)
{
    bool has_escapes = false;

    reader->at++;
    for (;;) {
        reader->at = json_plain_end(reader->at, reader->end);
        if (take_byte(reader, '"'))
            return has_escapes;
        if (reader->at == reader->end || *reader->at != '\\') {
            json_fail(reader, end_or(reader, "holds a control character in a string"));
            return has_escapes;
        }
        has_escapes = true;
        scan_escape(reader);
    }
}

static bool scan_digits(struct json_reader *reader)
{
    const char *first = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > first;
}

/* RFC 8259 §6. A digit after a leading zero is left for whoever reads on, and fails there. */
static void scan_number(struct json_reader *reader)
{
    bool good;

    take_byte(reader, '-');
    good = take_byte(reader, '0') || scan_digits(reader);
    if (good && take_byte(reader, '.'))
        good = scan_digits(reader);
    if (good && (take_byte(reader, 'e') || take_byte(reader, 'E'))) {
        if (!take_byte(reader, '+'))
            take_byte(reader, '-');
        good = scan_digits(reader);
    }
    if (!good)
        json_fail(reader, "holds a malformed number");
}

static void scan_word(struct json_reader *reader, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        json_fail(reader, "holds an unknown word");
    else
        reader->at += length;
}

/* The key as it is spelled, and the colon. */
static bool next_member(struct json_reader *reader, struct json_value *ret_key)
{
    if (!next_item(reader, '}'))
        return false;
    const char *start = reader->at;
    if (*start != '"') {
        json_fail(reader, "lacks a key");
        return false;
    }
    bool has_escapes = scan_string(reader);
    const char *end = reader->at;
    skip_blanks(reader);
    if (!take_byte(reader, ':'))
        json_fail(reader, end_or(reader, "lacks a colon"));
    *ret_key = (struct json_value){JSON_STRING, has_escapes, span_of(start, (size_t)(end - start))};
    return !reader->error;
}

bool json_next_key(struct json_reader *reader, struct span *ret_key)
{
    struct json_value key;
    size_t length;

    if (!next_member(reader, &key))
        return false;
    *ret_key = json_string_inside(&key);
    if (key.has_escapes && key.raw.length <= sizeof reader->key_text &&
        json_unescape(&key, reader->key_text, &length) == 0)
        *ret_key = span_of(reader->key_text, length);
    return true;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static bool scan_value(struct json_reader *reader, enum json_kind kind)
{
    struct json_value key;

    switch (kind) {
    case JSON_OBJECT:
        json_enter_object(reader);
        while (next_member(reader, &key))
            scan_value(reader, json_peek(reader));
        return false;
    case JSON_ARRAY:
        json_enter_array(reader);
        while (json_next_element(reader))
            scan_value(reader, json_peek(reader));
        return false;
    case JSON_STRING:
        return scan_string(reader);
    case JSON_NUMBER:
        scan_number(reader);
        return false;
    case JSON_BOOLEAN:
        scan_word(reader, *reader->at == 't' ? "true" : "false");
        return false;
    case JSON_NULL:
        scan_word(reader, "null");
        return false;
    case JSON_NONE:
    default:
        json_fail(reader, end_or(reader, "lacks a value"));
        return false;
    }
}

struct json_value json_take_value(struct json_reader *reader)
{
    struct json_value value = {.kind = json_peek(reader)};
    const char *start = reader->at;

    value.has_escapes = scan_value(reader, value.kind);
    if (reader->error)
        return (struct json_value){0};
    value.raw = span_of(start, (size_t)(reader->at - start));
    return value;
}

struct span json_take_raw(struct json_reader *reader)
{
    return json_take_value(reader).raw;
}

void json_skip(struct json_reader *reader)
{
    json_take_value(reader);
}

/* Takes a value of one kind, or fails where it begins. */
static struct json_value take_kind(struct json_reader *reader, enum json_kind kind,
                                   const char *reason)
{
    if (json_peek(reader) != kind)
        json_fail(reader, end_or(reader, reason));
    return json_take_value(reader);
}

struct json_value json_take_string(struct json_reader *reader)
{
    struct json_value string = take_kind(reader, JSON_STRING, "is not a string");

    if (string.has_escapes && !json_string_is_text(&string)) {
        fail_at(reader, string.raw.data, "holds half a surrogate pair");
        return (struct json_value){0};
    }
    return string;
}

/* false when it is no whole number that fits. */
static bool parse_integer(struct span digits, int64_t *ret_value)
{
    bool is_negative = digits.data[0] == '-';
    int64_t value = 0;

    for (size_t i = is_negative; i < digits.length; i++) {
        int digit = digits.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

int64_t json_take_integer(struct json_reader *reader, int64_t minimum, int64_t maximum)
{
    struct span raw = take_kind(reader, JSON_NUMBER, "is not a number").raw;
    int64_t value = 0;

    if (reader->error)
        return 0;
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.data[i] == '.' || (raw.data[i] | 0x20) == 'e') {
            fail_at(reader, raw.data, "is not a whole number");
            return 0;
        }
    }
    if (!parse_integer(raw, &value) || value < minimum || value > maximum) {
        fail_at(reader, raw.data, "is out of range");
        return 0;
    }
    return value;
}

double json_take_number(struct json_reader *reader, double minimum, double maximum)
{
    struct span raw = take_kind(reader, JSON_NUMBER, "is not a number").raw;
    char text[NUMBER_LENGTH_MAX + 1];

    if (reader->error)
        return 0;
    if (raw.length <= NUMBER_LENGTH_MAX) {
        memcpy(text, raw.data, raw.length);
        text[raw.length] = '\0';
        double value = strtod(text, NULL);
        if (value >= minimum && value <= maximum)
            return value;
    }
    fail_at(reader, raw.data, "is out of range");
    return 0;
}

bool json_take_boolean(struct json_reader *reader)
{
    struct json_value value = take_kind(reader, JSON_BOOLEAN, "is not true or false");

    return value.raw.length > 0 && value.raw.data[0] == 't';
}

void json_take_null(struct json_reader *reader)
{
    take_kind(reader, JSON_NULL, "is not null");
}

int json_finish(struct json_reader *reader)
{
    skip_blanks(reader);
    if (reader->at < reader->end)
        json_fail(reader, "goes on after its end");
    return reader->error ? -EINVAL : 0;
}

bool json_is_valid(struct span text)
{
    struct json_reader reader;

    json_reader_init(&reader, text);
    json_skip(&reader);
    return json_finish(&reader) == 0;
}
