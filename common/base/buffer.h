/* A buffer: bytes that we own and that grow.
 *
 *     data ──▶ [ length bytes used | free ]  capacity
 *
 * Zero-initialised is empty and valid. Growing aborts when memory is out, so whoever appends what
 * a stranger sent bounds the length first.
 */
#ifndef SLIP_BASE_BUFFER_H
#define SLIP_BASE_BUFFER_H

#include "common/base/span.h"

struct buffer {
    char *data;
    size_t length;
    size_t capacity;
};

void buffer_fini(struct buffer *buffer);

/* Empty, keeping the memory for the next use. */
void buffer_clear(struct buffer *buffer);

/* Makes room for `extra` more bytes where there is not enough; for buffer_reserve() alone. */
void buffer_grow(struct buffer *buffer, size_t extra);

/* Room for `extra` more bytes; returns where they go. Follow with buffer_commit(). */
static inline char *buffer_reserve(struct buffer *buffer, size_t extra)
{
    if (extra > buffer->capacity - buffer->length || !buffer->data)
        buffer_grow(buffer, extra);
    return buffer->data + buffer->length;
}

/* `written` bytes were put where buffer_reserve() said. */
static inline void buffer_commit(struct buffer *buffer, size_t written)
{
    ASSERT(written <= buffer->capacity - buffer->length);
    buffer->length += written;
}

/* Inline, because nearly all of a message is built of small pieces of known length. */
static inline void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return;
    memcpy(buffer_reserve(buffer, length), data, length);
    buffer->length += length;
}

static inline void buffer_append_span(struct buffer *buffer, struct span span)
{
    buffer_append(buffer, span.data, span.length);
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static inline void buffer_append_byte(struct buffer *buffer, char byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer->length++;
}

void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops `length` bytes from the front; the rest moves up. */
void buffer_consume(struct buffer *buffer, size_t length);

/* The contents, valid until the buffer next changes. */
static inline struct span buffer_span(const struct buffer *buffer)
{
    return span_of(buffer->data, buffer->length);
}

/* Gives the memory to the caller (who frees it) with a final NUL; the buffer is empty after. */
MUST_USE
char *buffer_take(struct buffer *buffer);

#endif
