#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

void buffer_fini(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
}

char *buffer_reserve(struct buffer *buffer, size_t extra)
{
    ASSERT(extra <= SIZE_MAX / 2 - buffer->length);
    size_t needed = buffer->length + extra;
    if (needed > buffer->capacity) {
        size_t capacity = max_size(buffer->capacity * 2, FIRST_CAPACITY);
        buffer->capacity = max_size(capacity, needed);
        buffer->data = xrealloc(buffer->data, buffer->capacity);
    }
    return buffer->data + buffer->length;
}

void buffer_commit(struct buffer *buffer, size_t written)
{
    ASSERT(written <= buffer->capacity - buffer->length);
    buffer->length += written;
}

void buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return;
    memcpy(buffer_reserve(buffer, length), data, length);
    buffer->length += length;
}

void buffer_append_span(struct buffer *buffer, struct span span)
{
    buffer_append(buffer, span.data, span.length);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_byte(struct buffer *buffer, char byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer->length++;
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    ASSERT(format); /* also tells gcc's UBSan build, which warns of a null one otherwise */
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    char *place = buffer_reserve(buffer, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(place, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void buffer_consume(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer->length);
    buffer->length -= length;
    if (buffer->length > 0)
        memmove(buffer->data, buffer->data + length, buffer->length);
}

char *buffer_take(struct buffer *buffer)
{
    buffer_append_byte(buffer, '\0');
    char *data = buffer->data;
    *buffer = (struct buffer){0};
    return data;
}
