#include "common/text/utf8.h"

#define HIGH_BITS 0x8080808080808080u

/* Bytes at the start that are ASCII, in steps of a word: text is mostly ASCII and this is the loop
 * that checks it. */
static size_t ascii_prefix(const char *data, size_t length)
{
    size_t done = 0;
    uint64_t words[4];

    for (; length - done >= sizeof words; done += sizeof words) {
        memcpy(words, data + done, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS)
            break;
    }
    for (; length - done >= sizeof words[0]; done += sizeof words[0]) {
        memcpy(words, data + done, sizeof words[0]);
        if (words[0] & HIGH_BITS)
            break;
    }
    while (done < length && !((unsigned char)data[done] & 0x80))
        done++;
    return done;
}

/* The first byte of a character that is not ASCII: how many more, and the bounds of the next one,
 * which exclude overlong forms, surrogates and what lies above U+10FFFF (RFC 3629 §4). */
static bool begin_character(struct utf8_state *state, unsigned char byte)
{
    state->lowest = 0x80;
    state->highest = 0xbf;
    if (byte >= 0xc2 && byte <= 0xdf) {
        state->missing = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        state->missing = 2;
        if (byte == 0xe0)
            state->lowest = 0xa0;
        else if (byte == 0xed)
            state->highest = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        state->missing = 3;
        if (byte == 0xf0)
            state->lowest = 0x90;
        else if (byte == 0xf4)
            state->highest = 0x8f;
    } else {
        return false;
    }
    return true;
}

static bool continue_character(struct utf8_state *state, unsigned char byte)
{
    if (byte < state->lowest || byte > state->highest)
        return false;
    state->missing--;
    state->lowest = 0x80;
    state->highest = 0xbf;
    return true;
}

/* Goes on from `state`; returns where the last whole character ended. */
static size_t advance(struct utf8_state *state, struct span text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t at = 0, whole = 0;

    while (at < text.length) {
        if (state->missing == 0 && bytes[at] < 0x80) {
            at += ascii_prefix(text.data + at, text.length - at);
        } else {
            bool good = state->missing > 0 ? continue_character(state, bytes[at])
                                           : begin_character(state, bytes[at]);
            if (!good) {
                state->failed = true;
                break;
            }
            at++;
        }
        if (state->missing == 0)
            whole = at;
    }
    return whole;
}

size_t utf8_valid_length(struct span text)
{
    struct utf8_state state = {0};

    return advance(&state, text);
}

bool utf8_is_valid(struct span text)
{
    return utf8_valid_length(text) == text.length;
}

bool utf8_feed(struct utf8_state *state, struct span piece)
{
    if (!state->failed)
        advance(state, piece);
    return !state->failed;
}

size_t utf8_encode(uint32_t code_point, char ret_bytes[4])
{
    unsigned char *bytes = (unsigned char *)ret_bytes;

    ASSERT(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    if (code_point < 0x80) {
        bytes[0] = (unsigned char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | code_point >> 6);
        bytes[1] = (unsigned char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        bytes[0] = (unsigned char)(0xe0 | code_point >> 12);
        bytes[1] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    bytes[0] = (unsigned char)(0xf0 | code_point >> 18);
    bytes[1] = (unsigned char)(0x80 | (code_point >> 12 & 0x3f));
    bytes[2] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
    bytes[3] = (unsigned char)(0x80 | (code_point & 0x3f));
    return 4;
}
