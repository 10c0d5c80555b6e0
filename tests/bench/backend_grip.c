#include "tests/bench/backend_grip.h"

#include <stdlib.h>

#include "tests/bench/fail.h"

static void append_event(struct buffer *answer, const char *prefix, struct span content)
{
    buffer_append_format(answer, "TEXT %zx\r\n%s", strlen(prefix) + content.length, prefix);
    buffer_append_span(answer, content);
    buffer_append_text(answer, "\r\n");
}

static void answer_open(struct buffer *answer, struct span path)
{
    static const struct span join = {"/join/", 6};
    struct span channels = {0};
    if (span_starts_with(path, join))
        channels = span_of(path.data + join.length, path.length - join.length);
    buffer_append_text(answer, "OPEN\r\n");
    while (channels.data && channels.length > 0) {
        static struct buffer control;
        struct span channel = span_split(&channels, ',');
        buffer_clear(&control);
        buffer_append_format(&control, "{\"type\":\"subscribe\",\"channel\":\"%.*s\"}",
                             SPAN_ARGS(channel));
        append_event(answer, "c:", buffer_span(&control));
    }
}

/* The content that follows the line of an event; it and its line end are taken off `rest`. */
static struct span take_content(struct span line, struct span *rest)
{
    const char *blank = memchr(line.data, ' ', line.length);
    size_t length = blank ? (size_t)strtoul(blank + 1, NULL, 16) : 0;
    if (!blank)
        return (struct span){0};
    if (rest->length < length + 2)
        fail("the content of an event of Pushpin's is cut off");
    struct span content = span_of(rest->data, length);
    *rest = span_of(rest->data + length + 2, rest->length - length - 2);
    return content;
}

void backend_grip_answer(struct span path, struct span body, struct buffer *answer)
{
    struct span rest = body;
    while (rest.data && rest.length > 0) {
        struct span line = span_split(&rest, '\n');
        struct span content = take_content(line, &rest);
        if (span_starts_with(line, span_text("OPEN")))
            answer_open(answer, path);
        else if (span_starts_with(line, span_text("TEXT")))
            append_event(answer, "m:", content);
        else if (span_starts_with(line, span_text("CLOSE")))
            buffer_append_text(answer, "CLOSE 2\r\n\x03\xe8\r\n");
        else if (!span_starts_with(line, span_text("DISCONNECT")))
            fail("an event of Pushpin's that is not known: %.*s", SPAN_ARGS(line));
    }
}
