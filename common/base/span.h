/* A span: bytes that somebody else owns. Valid as long as its owner says (the frame it was decoded
 * from, the buffer it points into); never freed through the span, never NUL-terminated by promise.
 */
#ifndef SLIP_BASE_SPAN_H
#define SLIP_BASE_SPAN_H

#include <string.h>

#include "common/base/base.h"

struct span {
    const char *data;
    size_t length;
};

/* For printf: printf("%.*s", SPAN_ARGS(span)). */
#define SPAN_ARGS(s) (int)(s).length, (s).data

static inline struct span span_of(const void *data, size_t length)
{
    return (struct span){.data = data, .length = length};
}

/* The characters of a C string, or an empty span for NULL. */
static inline struct span span_text(const char *text)
{
    return span_of(text, text ? strlen(text) : 0);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_text(text));
}

/* ASCII case folded, as header names and tokens want it (RFC 9110 §5.1). */
bool span_equal_nocase(struct span a, struct span b);

static inline bool span_starts_with(struct span a, struct span prefix)
{
    return a.length >= prefix.length && span_equal(span_of(a.data, prefix.length), prefix);
}

/* Without the spaces and tabs at both ends (OWS, RFC 9110 §5.6.3). */
struct span span_trim(struct span a);

/* Takes the part before the first `separator` off `rest` and returns it, untrimmed; `rest` is left
 * after the separator, or empty with data == NULL when there was none. Loop while rest->data. */
struct span span_split(struct span *rest, char separator);

/* Parses a decimal number without sign or blanks. 0, -EINVAL (not a number), -ERANGE (> maximum).
 */
MUST_USE
int span_to_u64(struct span text, uint64_t maximum, uint64_t *ret_value);

/* A NUL-terminated copy that the caller frees. */
MUST_USE
char *span_dup(struct span a);

#endif
