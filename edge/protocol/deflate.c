#include "edge/protocol/deflate.h"

#include <errno.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    LEVEL = 5,                   /* most of the gain of 6 at two thirds of its time */
    MEMORY_LEVEL = 6,            /* the reset before each message clears 16 kB instead of 64 */
    INFLATE_STEP_BYTES = 16384,  /* the output grows by so much */
    KEPT_OUTPUT_BYTES = 1 << 18, /* a larger one is given back at the next message */
    MESSAGE_MAX = 1 << 30,       /* zlib counts in 32 bits */
    AT_BOUNDARY = 128,           /* z_stream.data_type: between two blocks, no bits left over */
};

/* What the sender left off: RFC 7692 §7.2.1. */
static const char tail[] = {0x00, 0x00, (char)0xff, (char)0xff};

struct deflate_engine {
    z_stream inflater;
    bool has_inflater;
    z_stream deflaters[DEFLATE_WINDOW_BITS_MAX + 1]; /* by window bits */
    bool has_deflater[DEFLATE_WINDOW_BITS_MAX + 1];
    struct buffer output;
};

struct deflate_engine *deflate_engine_new(void)
{
    return xcalloc(1, sizeof(struct deflate_engine));
}

void deflate_engine_destroy(struct deflate_engine **engine)
{
    struct deflate_engine *e = *engine;
    if (!e)
        return;
    if (e->has_inflater)
        inflateEnd(&e->inflater);
    for (size_t bits = 0; bits <= DEFLATE_WINDOW_BITS_MAX; bits++)
        if (e->has_deflater[bits])
            deflateEnd(&e->deflaters[bits]);
    buffer_fini(&e->output);
    free(e);
    *engine = NULL;
}

/* zlib fails here only for want of memory, of a size that we chose. */
static z_stream *fresh_deflater(struct deflate_engine *engine, uint8_t window_bits)
{
    z_stream *stream = &engine->deflaters[window_bits];
    if (engine->has_deflater[window_bits]) {
        ASSERT(deflateReset(stream) == Z_OK);
    } else {
        ASSERT(deflateInit2(stream, LEVEL, Z_DEFLATED, -window_bits, MEMORY_LEVEL,
                            Z_DEFAULT_STRATEGY) == Z_OK);
        engine->has_deflater[window_bits] = true;
    }
    return stream;
}

static z_stream *fresh_inflater(struct deflate_engine *engine)
{
    z_stream *stream = &engine->inflater;
    if (engine->has_inflater) {
        ASSERT(inflateReset(stream) == Z_OK);
    } else {
        ASSERT(inflateInit2(stream, -DEFLATE_WINDOW_BITS_MAX) == Z_OK);
        engine->has_inflater = true;
    }
    return stream;
}

bool deflate_compress(struct deflate_engine *engine, uint8_t window_bits, struct span message,
                      struct buffer *out)
{
    ASSERT(window_bits >= DEFLATE_WINDOW_BITS_MIN && window_bits <= DEFLATE_WINDOW_BITS_MAX);
    if (message.length < DEFLATE_WORTH_BYTES || message.length > MESSAGE_MAX)
        return false;
    z_stream *stream = fresh_deflater(engine, window_bits);
    /* One byte less than what would be no gain: when zlib fills it all, it was not worth it. */
    size_t room = message.length + sizeof(tail);
    stream->next_in = (const Bytef *)message.data;
    stream->avail_in = (uInt)message.length;
    stream->next_out = (Bytef *)buffer_reserve(out, room);
    stream->avail_out = (uInt)room;
    ASSERT(deflate(stream, Z_SYNC_FLUSH) == Z_OK);
    size_t written = room - stream->avail_out;
    if (stream->avail_in > 0 || stream->avail_out == 0)
        return false;
    ASSERT(written >= sizeof(tail));
    buffer_commit(out, written - sizeof(tail));
    return true;
}

/* Inflates one piece of a message. 0 when all of it was used. *ended: the last block that was
 * complete said that it was the last of its stream and nothing followed. */
static int inflate_piece(struct deflate_engine *engine, struct span piece, size_t limit,
                         bool *ended)
{
    z_stream *stream = &engine->inflater;
    stream->next_in = (const Bytef *)piece.data;
    stream->avail_in = (uInt)piece.length;
    for (;;) {
        size_t room = min_size(limit - engine->output.length + 1, INFLATE_STEP_BYTES);
        stream->next_out = (Bytef *)buffer_reserve(&engine->output, room);
        stream->avail_out = (uInt)room;
        int result = inflate(stream, Z_SYNC_FLUSH);
        buffer_commit(&engine->output, room - stream->avail_out);
        if (engine->output.length > limit)
            return -EMSGSIZE;
        if (result == Z_STREAM_END && stream->avail_in == 0) {
            *ended = true;
            return 0;
        }
        if (result == Z_STREAM_END) { /* RFC 7692 §7.2.3.4: another stream may follow */
            ASSERT(inflateReset(stream) == Z_OK);
            continue;
        }
        if (result != Z_OK && result != Z_BUF_ERROR)
            return -EBADMSG;
        if (stream->avail_out > 0)
            return stream->avail_in == 0 ? 0 : -EBADMSG;
    }
}

int deflate_inflate(struct deflate_engine *engine, struct span message, size_t limit,
                    struct span *ret_message)
{
    bool ended = false;
    if (engine->output.capacity > KEPT_OUTPUT_BYTES)
        buffer_fini(&engine->output);
    buffer_clear(&engine->output);
    if (message.length > MESSAGE_MAX)
        return -EMSGSIZE;
    if (message.length > 0) { /* some send nothing for an empty message */
        z_stream *stream = fresh_inflater(engine);
        int r = inflate_piece(engine, message, limit, &ended);
        if (r == 0 && !ended)
            r = inflate_piece(engine, span_of(tail, sizeof(tail)), limit, &ended);
        if (r < 0)
            return r;
        if (!ended && stream->data_type != AT_BOUNDARY) /* cut off inside a block */
            return -EBADMSG;
    }
    *ret_message = buffer_span(&engine->output);
    return 0;
}
