/* JSON (RFC 8259), read without a tree and without an allocation, and written.
 *
 * The reader is a cursor that is pulled over a text:
 *
 *     struct json_reader reader;
 *     struct span key;
 *     json_reader_init(&reader, text);
 *     json_enter_object(&reader);
 *     while (json_next_key(&reader, &key)) {
 *         if (span_is(key, "count"))
 *             count = json_take_integer(&reader, 0, 100);
 *         else
 *             json_skip(&reader);
 *     }
 *     int error = json_finish(&reader);
 *
 * The first error sticks: after it every call returns at once (false, 0, an empty span, JSON_NONE)
 * and consumes nothing, so only json_finish() need be looked at. It tells the position and a short
 * reason.
 *
 * Strict: the whole text is valid UTF-8 without a byte order mark; at most JSON_DEPTH_MAX levels;
 * nothing after the value. Strings may hold NUL ("\u0000"). An escaped surrogate without its other
 * half is grammatical JSON, and stays in values that are taken verbatim; a string that is to become
 * text is refused for it. Equal keys are the caller's to notice.
 *
 * The cursor's own order is the caller's duty: after json_next_key() or json_next_element()
 * returned true exactly one value is taken, skipped or entered.
 */
#ifndef SLIP_TEXT_JSON_H
#define SLIP_TEXT_JSON_H

#include "common/base/buffer.h"

#define JSON_DEPTH_MAX 64

enum json_kind {
    JSON_NONE, /* nothing that begins a value, or an earlier error */
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_BOOLEAN,
    JSON_NULL,
};

/* A value as it stands in the text, checked for grammar. */
struct json_value {
    enum json_kind kind;
    bool has_escapes; /* of a string: its text differs from its spelling */
    struct span raw;  /* all of the value; of a string with its quotes */
};

struct json_reader {
    const char *start;
    const char *at;
    const char *end;
    const char *error; /* NULL while all is well; a short reason, static */
    size_t error_position;
    unsigned depth;
    bool is_first;     /* the next member or element is the first of its container */
    char key_text[64]; /* a key with escapes, resolved */
};

/* Starts at the beginning of `text`, which outlives the reader and all that is taken from it. */
void json_reader_init(struct json_reader *reader, struct span text);

/* The kind of the value that comes next; consumes only blanks. */
enum json_kind json_peek(struct json_reader *reader);

/* Enters an object; json_next_key() follows until it returns false. */
void json_enter_object(struct json_reader *reader);

/* The next member's key, its value comes next; false after the last (the object is left) or on an
 * error. The key is valid until the next call. Escapes are resolved in keys of up to 64 bytes; a
 * longer key with escapes is given as it is spelled, and so equals no name that anybody looks for
 * (a name holds no backslash). */
MUST_USE
bool json_next_key(struct json_reader *reader, struct span *ret_key);

/* Enters an array; json_next_element() follows until it returns false. */
void json_enter_array(struct json_reader *reader);

/* true: an element comes next; false after the last (the array is left) or on an error. */
MUST_USE
bool json_next_element(struct json_reader *reader);

/* Takes a value of any kind as it stands, checked to its end. */
struct json_value json_take_value(struct json_reader *reader);

/* The same, its spelling only. */
struct span json_take_raw(struct json_reader *reader);

void json_skip(struct json_reader *reader);

/* Takes a string that will become text: fails on another kind and on half a surrogate pair. Its
 * text is json_string_inside() when it has no escapes, otherwise what json_unescape() writes. */
struct json_value json_take_string(struct json_reader *reader);

/* Takes a whole number in minimum … maximum, without fraction or exponent. */
int64_t json_take_integer(struct json_reader *reader, int64_t minimum, int64_t maximum);

/* Takes any number in minimum … maximum (as NumericDate of RFC 7519 or a time in ms from a language
 * that knows only floating point). */
double json_take_number(struct json_reader *reader, double minimum, double maximum);

bool json_take_boolean(struct json_reader *reader);
void json_take_null(struct json_reader *reader);

/* Fails the reader, at the current position, unless it has failed already. For what is JSON, but
 * not what the caller can use. `reason` is static. */
void json_fail(struct json_reader *reader, const char *reason);

/* The end: nothing but blanks follows. 0, or -EINVAL with error and error_position set. */
MUST_USE
int json_finish(struct json_reader *reader);

/* One value, well formed, and nothing after it. */
MUST_USE
bool json_is_valid(struct span text);

/* What stands between the quotes of a string value, escapes unresolved. When !has_escapes this is
 * the text itself. */
static inline struct span json_string_inside(const struct json_value *string)
{
    return span_of(string->raw.data + 1, string->raw.length - 2);
}

/* Writes the text of a string value into `text`, which has room for its raw length (escapes only
 * shrink). 0 with the length, or -EINVAL for half a surrogate pair (RFC 8259 §8.2). */
MUST_USE
int json_unescape(const struct json_value *string, char *text, size_t *ret_length);

/* A string value holds no half of a surrogate pair: json_unescape() will not fail. */
MUST_USE
bool json_string_is_text(const struct json_value *string);

/* The writer. `text` is valid UTF-8; everything that it may hold is escaped as RFC 8259 §7 asks. */
void json_append_string(struct buffer *buffer, struct span text);  /* with its quotes */
void json_append_escaped(struct buffer *buffer, struct span text); /* without */
void json_append_integer(struct buffer *buffer, int64_t value);

/* As json_append_string(), for bytes of unknown origin: what is not UTF-8 is read as Latin-1. */
void json_append_foreign(struct buffer *buffer, struct span bytes);
void json_append_foreign_escaped(struct buffer *buffer, struct span bytes); /* without quotes */

#endif
