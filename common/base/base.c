#include "common/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void base_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "level=fatal msg=\"broken invariant\" condition=\"%s\" at=%s:%d\n", condition,
            file, line);
    abort();
}

static void *or_abort(void *pointer)
{
    if (!pointer) {
        fputs("level=fatal msg=\"out of memory\"\n", stderr);
        abort();
    }
    return pointer;
}

void *xmalloc(size_t size)
{
    return or_abort(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *pointer, size_t size)
{
    return or_abort(realloc(pointer, size ? size : 1));
}

char *xstrdup(const char *text)
{
    return or_abort(strdup(text));
}

char *xmemdup0(const void *data, size_t length)
{
    char *copy = xmalloc(length + 1);
    if (length > 0)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}
