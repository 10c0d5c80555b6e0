#include <stdlib.h>

#include "common/contract/event.h"
#include "common/text/json.h"

/* By name, and those of one name in the order in which they came. */
static int compare_headers(const void *left, const void *right)
{
    const struct event_header *a = *(const struct event_header *const *)left;
    const struct event_header *b = *(const struct event_header *const *)right;
    size_t common = min_size(a->name.length, b->name.length);
    int order = common > 0 ? memcmp(a->name.data, b->name.data, common) : 0;

    if (order == 0)
        order = (a->name.length > b->name.length) - (a->name.length < b->name.length);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Sorted, so that fields of one name meet however many a stranger sent. The caller frees it. */
static const struct event_header **sorted_headers(const struct event_handshake *handshake)
{
    size_t count = handshake->header_count;
    const struct event_header **sorted = xcalloc(count + 1, sizeof(const struct event_header *));

    for (size_t i = 0; i < count; i++)
        sorted[i] = &handshake->headers[i];
    qsort(sorted, count, sizeof(const struct event_header *), compare_headers);
    return sorted;
}

/* "headers":{…} */
static void append_headers(struct buffer *buffer, const struct event_handshake *handshake)
{
    const struct event_header **sorted = sorted_headers(handshake);
    size_t count = handshake->header_count;

    buffer_append_text(buffer, "\"headers\":{");
    for (size_t first = 0, i; first < count; first = i) {
        struct span name = sorted[first]->name;
        const char *separator = span_is(name, "cookie") ? "; " : ", ";
        if (first > 0)
            buffer_append_byte(buffer, ',');
        json_append_foreign(buffer, name);
        buffer_append_text(buffer, ":\"");
        for (i = first; i < count && span_equal(sorted[i]->name, name); i++) {
            if (i > first)
                buffer_append_text(buffer, separator);
            json_append_foreign_escaped(buffer, sorted[i]->value);
        }
        buffer_append_byte(buffer, '"');
    }
    buffer_append_byte(buffer, '}');
    free(sorted);
}

/* ,"name":"text" */
static void append_text_member(struct buffer *buffer, const char *name, struct span text)
{
    buffer_append_text(buffer, ",\"");
    buffer_append_text(buffer, name);
    buffer_append_text(buffer, "\":");
    json_append_foreign(buffer, text);
}

void event_open_metadata_append(struct buffer *buffer, const struct event_handshake *handshake)
{
    buffer_append_byte(buffer, '{');
    append_headers(buffer, handshake);
    append_text_member(buffer, "ip", handshake->ip);
    buffer_append_byte(buffer, '}');
}

void event_open_details_append(struct buffer *buffer, const struct event_handshake *handshake)
{
    append_headers(buffer, handshake);
    append_text_member(buffer, "ip", handshake->ip);
    append_text_member(buffer, "path", handshake->path);
    append_text_member(buffer, "query", handshake->query);
    buffer_append_text(buffer, ",\"subprotocols\":[");
    for (size_t i = 0; i < handshake->subprotocol_count; i++) {
        if (i > 0)
            buffer_append_byte(buffer, ',');
        json_append_foreign(buffer, handshake->subprotocols[i]);
    }
    buffer_append_byte(buffer, ']');
}
