#include "tests/bench/http.h"

#include <stdlib.h>

size_t http_head_length(struct span bytes)
{
    const char *end = memmem(bytes.data, bytes.length, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes.data) + 4 : 0;
}

size_t http_content_length(struct span head)
{
    static const char name[] = "content-length:";
    struct span rest = head;
    while (rest.data && rest.length > 0) {
        struct span line = span_split(&rest, '\n');
        if (line.length >= sizeof name &&
            span_equal_nocase(span_of(line.data, sizeof name - 1), span_text(name)))
            return (size_t)strtoul(line.data + sizeof name - 1, NULL, 10);
    }
    return 0;
}
