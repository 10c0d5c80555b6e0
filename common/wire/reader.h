/* A cursor over msgpack bytes that somebody else owns (the msgpack specification, "Formats").
 *
 *     at ──▶ [ value | value | … ] ◀── end
 *
 * The first error sticks: after it every call returns zero or an empty span and reads nothing, so a
 * decoder asks once at the end whether all went well. Nothing is allocated, nothing recurses, and
 * no count is believed that the remaining bytes could not hold.
 *
 * msgpack-c unpacks into a tree of 24 bytes for each value, which turns a megabyte of one-byte
 * values into 24; here a value is read only where the schema expects it. Encoding is msgpack-c's.
 */
#ifndef SLIP_WIRE_READER_H
#define SLIP_WIRE_READER_H

#include "common/base/span.h"

struct reader {
    const unsigned char *at;
    const unsigned char *end;
    bool failed;
};

void reader_init(struct reader *reader, struct span bytes);

/* What has not been read yet. */
struct span reader_rest(const struct reader *reader);

/* Marks the input as wrong. */
void reader_fail(struct reader *reader);

/* An unsigned integer (positive fixint, uint 8 … 64) of at most `maximum`. */
uint64_t reader_u64(struct reader *reader, uint64_t maximum);

/* A byte string (bin 8 … 32) of at most `maximum` bytes; points into the input. */
struct span reader_bytes(struct reader *reader, uint64_t maximum);

/* The head of an array: how many values follow, at most `maximum` and at most one for each byte
 * that is left. */
size_t reader_array(struct reader *reader, uint64_t maximum);

/* Passes over `count` values of any type, however deep. */
void reader_skip(struct reader *reader, size_t count);

#endif
