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

void buffer_grow(struct buffer *buffer, size_t extra)
{
    ASSERT(extra <= SIZE_MAX / 2 - buffer->length);
    size_t needed = buffer->length + extra;
    size_t capacity = max_size(buffer->capacity * 2, FIRST_CAPACITY);
    buffer->capacity = max_size(capacity, needed);
    buffer->data = xrealloc(buffer->data, buffer->capacity);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    ASSERT(format); /* also tells gcc's UBSan build, which warns of a null one otherwise */
    char *place = buffer_reserve(buffer, 1);
    size_t room = buffer->capacity - buffer->length;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(place, room, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    if ((size_t)length >= room)
        vsnprintf(buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, format, again);
    va_end(again);
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
