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

/* Room for `extra` more bytes; returns where they go. Follow with buffer_commit(). */
char *buffer_reserve(struct buffer *buffer, size_t extra);

/* `written` bytes were put where buffer_reserve() said. */
void buffer_commit(struct buffer *buffer, size_t written);

void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_append_span(struct buffer *buffer, struct span span);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_byte(struct buffer *buffer, char byte);
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
