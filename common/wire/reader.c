#include "common/wire/reader.h"

void reader_init(struct reader *reader, struct span bytes)
{
    static const unsigned char nothing[1];
    reader->at = bytes.length > 0 ? (const unsigned char *)bytes.data : nothing;
    reader->end = reader->at + bytes.length;
    reader->failed = false;
}

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

struct span reader_rest(const struct reader *reader)
{
    return span_of(reader->at, left(reader));
}

void reader_fail(struct reader *reader)
{
    reader->failed = true;
    reader->at = reader->end;
}

/* A big-endian number of `size` bytes. */
static uint64_t take_number(struct reader *reader, size_t size)
{
    if (left(reader) < size) {
        reader_fail(reader);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | reader->at[i];
    reader->at += size;
    return value;
}

static uint64_t at_most(struct reader *reader, uint64_t value, uint64_t maximum)
{
    if (value <= maximum)
        return value;
    reader_fail(reader);
    return 0;
}

uint64_t reader_u64(struct reader *reader, uint64_t maximum)
{
    uint64_t head = take_number(reader, 1);
    if (head >= 0xcc && head <= 0xcf)
        head = take_number(reader, (size_t)1 << (head - 0xcc));
    else if (head > 0x7f)
        reader_fail(reader);
    return reader->failed ? 0 : at_most(reader, head, maximum);
}

struct span reader_bytes(struct reader *reader, uint64_t maximum)
{
    uint64_t head = take_number(reader, 1);
    if (head < 0xc4 || head > 0xc6)
        reader_fail(reader);
    if (reader->failed)
        return (struct span){0};
    uint64_t length = take_number(reader, (size_t)1 << (head - 0xc4));
    length = at_most(reader, length, maximum);
    if (length > left(reader))
        reader_fail(reader);
    if (reader->failed)
        return (struct span){0};
    struct span bytes = span_of(reader->at, (size_t)length);
    reader->at += length;
    return bytes;
}

size_t reader_array(struct reader *reader, uint64_t maximum)
{
    uint64_t head = take_number(reader, 1);
    uint64_t count = 0;
    if (head == 0xdc || head == 0xdd)
        count = take_number(reader, head == 0xdc ? 2 : 4);
    else if ((head & 0xf0) == 0x90)
        count = head & 0x0f;
    else
        reader_fail(reader);
    if (count > left(reader))
        reader_fail(reader);
    return reader->failed ? 0 : (size_t)at_most(reader, count, maximum);
}

/* What follows a first byte: bytes of the value itself, and further values inside it. */
struct extent {
    uint64_t bytes;
    uint64_t values;
};

/* The formats 0xc4 … 0xdf, whose length stands behind the first byte or follows from it. */
static struct extent take_long_extent(struct reader *reader, unsigned char head)
{
    struct extent extent = {0};
    if (head <= 0xc6) /* bin */
        extent.bytes = take_number(reader, (size_t)1 << (head - 0xc4));
    else if (head <= 0xc9) /* ext, with a byte for its type */
        extent.bytes = take_number(reader, (size_t)1 << (head - 0xc7)) + 1;
    else if (head <= 0xcb) /* float */
        extent.bytes = head == 0xca ? 4 : 8;
    else if (head <= 0xcf) /* uint */
        extent.bytes = (uint64_t)1 << (head - 0xcc);
    else if (head <= 0xd3) /* int */
        extent.bytes = (uint64_t)1 << (head - 0xd0);
    else if (head <= 0xd8) /* fixext, with a byte for its type */
        extent.bytes = ((uint64_t)1 << (head - 0xd4)) + 1;
    else if (head <= 0xdb) /* str */
        extent.bytes = take_number(reader, (size_t)1 << (head - 0xd9));
    else if (head <= 0xdd) /* array */
        extent.values = take_number(reader, head == 0xdc ? 2 : 4);
    else /* map */
        extent.values = 2 * take_number(reader, head == 0xde ? 2 : 4);
    return extent;
}

static struct extent take_extent(struct reader *reader)
{
    unsigned char head = (unsigned char)take_number(reader, 1);
    if (head >= 0xc4 && head <= 0xdf)
        return take_long_extent(reader, head);
    struct extent extent = {0};
    if (head == 0xc1) /* "never used" */
        reader_fail(reader);
    else if ((head & 0xf0) == 0x80) /* fixmap */
        extent.values = 2 * (uint64_t)(head & 0x0f);
    else if ((head & 0xf0) == 0x90) /* fixarray */
        extent.values = head & 0x0f;
    else if ((head & 0xe0) == 0xa0) /* fixstr */
        extent.bytes = head & 0x1f;
    return extent; /* else a fixint, nil or boolean: nothing follows */
}

void reader_skip(struct reader *reader, size_t count)
{
    uint64_t open = count; /* values still to pass, at all depths together */
    while (open > 0 && !reader->failed) {
        struct extent extent = take_extent(reader);
        open += extent.values - 1;
        if (extent.bytes > left(reader)) {
            reader_fail(reader);
            return;
        }
        reader->at += extent.bytes;
        if (open > left(reader))
            reader_fail(reader);
    }
}
