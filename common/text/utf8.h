/* UTF-8 (RFC 3629): is it? Overlong forms, surrogates and anything above U+10FFFF are not.
 *
 * Text arrives in one piece (a request body) or in several (the fragments of a WebSocket message,
 * cut anywhere, also inside a character). For the second there is a state:
 *
 *     piece ─▶ utf8_feed() ─▶ piece ─▶ utf8_feed() ─▶ … ─▶ utf8_is_complete()
 *
 * Pure functions; ASCII is checked many bytes at a time.
 */
#ifndef SLIP_TEXT_UTF8_H
#define SLIP_TEXT_UTF8_H

#include "common/base/span.h"

/* Between two pieces. Zero-initialised is the start of a text. */
struct utf8_state {
    uint8_t missing; /* continuation bytes that the current character still wants */
    uint8_t lowest;  /* bounds of the next continuation byte, while missing > 0 */
    uint8_t highest;
    bool failed; /* sticks */
};

/* The whole text is valid. The empty one is. */
MUST_USE
bool utf8_is_valid(struct span text);

/* Bytes of the longest prefix that is valid and ends with a whole character; text.length when all
 * of it is. */
MUST_USE
size_t utf8_valid_length(struct span text);

/* Checks the next piece. false: no continuation can make the text valid any more (RFC 6455 §8.1
 * lets the connection fail at once), and every later call says so too. */
MUST_USE
bool utf8_feed(struct utf8_state *state, struct span piece);

/* The text may end here: nothing failed and no character is cut in half. */
static inline bool utf8_is_complete(const struct utf8_state *state)
{
    return !state->failed && state->missing == 0;
}

/* Writes a code point (not a surrogate, ≤ U+10FFFF; asserted) and returns its 1 … 4 bytes. */
size_t utf8_encode(uint32_t code_point, char ret_bytes[4]);

#endif
