/* Base64 (RFC 4648): §4 with padding for BINARY events, §5 without padding for tokens (RFC 7515
 * §2).
 *
 * Decoding is strict: no blanks, no line ends, no missing or surplus padding, no bits set beyond
 * the data. So every byte string has one spelling, and what is not that one is refused.
 */
#ifndef SLIP_TEXT_BASE64_H
#define SLIP_TEXT_BASE64_H

#include "common/base/buffer.h"

/* Characters that `length` bytes become in the padded form. */
static inline size_t base64_encoded_length(size_t length)
{
    return (length / 3 + (length % 3 != 0)) * 4;
}

/* Enough room for what `length` characters of either form decode to. */
static inline size_t base64_decoded_room(size_t length)
{
    return length / 4 * 3 + 3;
}

/* Appends the padded form (§4). */
void base64_append(struct buffer *buffer, struct span data);

/* Appends the URL-safe form without padding (§5). */
void base64url_append(struct buffer *buffer, struct span data);

/* Decodes the padded form into `data`, which has base64_decoded_room(text.length) bytes, or is
 * where the text stands: decoding in place is allowed.
 * 0 with the length, or -EINVAL (then `data` holds rubbish). */
MUST_USE
int base64_decode(struct span text, char *data, size_t *ret_length);

/* The same for the URL-safe form without padding. */
MUST_USE
int base64url_decode(struct span text, char *data, size_t *ret_length);

#endif
