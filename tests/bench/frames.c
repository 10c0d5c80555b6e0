#include "tests/bench/frames.h"

enum { SHORT_MAX = 125, LENGTH_OF_2 = 126, LENGTH_OF_8 = 127, MASK_BYTES = 4 };

void frames_append(struct buffer *buffer, struct span text)
{
    buffer_append_byte(buffer, (char)0x81);
    if (text.length <= SHORT_MAX) {
        buffer_append_byte(buffer, (char)text.length);
    } else {
        unsigned bytes = text.length <= UINT16_MAX ? 2 : 8;
        buffer_append_byte(buffer, bytes == 2 ? LENGTH_OF_2 : LENGTH_OF_8);
        for (unsigned i = 0; i < bytes; i++)
            buffer_append_byte(buffer, (char)((uint64_t)text.length >> (8 * (bytes - 1 - i))));
    }
    buffer_append_span(buffer, text);
}

/* How many bytes the long form of a length has. */
static unsigned extra_bytes(unsigned char length)
{
    switch (length & 127) {
    case LENGTH_OF_2:
        return 2;
    case LENGTH_OF_8:
        return 8;
    default:
        return 0;
    }
}

size_t frames_take(struct span bytes, struct span *ret_text)
{
    static struct buffer text;
    const unsigned char *head = (const unsigned char *)bytes.data;
    unsigned extra = bytes.length < 2 ? 0 : extra_bytes(head[1]);
    size_t header = 2 + extra + MASK_BYTES;
    if (bytes.length < header)
        return 0;
    uint64_t length = extra ? 0 : head[1] & 127;
    for (unsigned i = 0; i < extra; i++)
        length = length << 8 | head[2 + i];
    if (bytes.length - header < length)
        return 0;
    const char *payload = bytes.data + header, *mask = payload - MASK_BYTES;
    buffer_clear(&text);
    char *place = buffer_reserve(&text, length);
    for (uint64_t i = 0; i < length; i++)
        place[i] = payload[i] ^ mask[i % MASK_BYTES];
    *ret_text = span_of(place, length);
    return header + length;
}
