#include "common/contract/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/text/base64.h"
#include "common/text/json.h"

static const char *const kind_names[EVENT_KIND_COUNT] = {
    [EVENT_OPEN] = "OPEN",
    [EVENT_TEXT] = "TEXT",
    [EVENT_BINARY] = "BINARY",
    [EVENT_CLOSE] = "CLOSE",
};

const char *event_kind_name(enum event_kind kind)
{
    ASSERT((size_t)kind < EVENT_KIND_COUNT);
    return kind_names[kind];
}

static void append_close(struct buffer *buffer, const struct event *event)
{
    buffer_append_text(buffer, ",\"code\":");
    json_append_integer(buffer, event->code ? event->code : RULES_CLOSE_CODE_NONE);
    buffer_append_text(buffer, ",\"reason\":");
    json_append_string(buffer, event->reason);
}

/* The members that the kind has beyond type and connectionId. */
static void append_members(struct buffer *buffer, const struct event *event)
{
    switch (event->kind) {
    case EVENT_OPEN:
        if (event->data.length > 0)
            buffer_append_byte(buffer, ',');
        buffer_append_span(buffer, event->data);
        break;
    case EVENT_TEXT:
        buffer_append_text(buffer, ",\"data\":");
        json_append_string(buffer, event->data);
        break;
    case EVENT_BINARY:
        buffer_append_text(buffer, ",\"data\":\"");
        base64_append(buffer, event->data);
        buffer_append_byte(buffer, '"');
        break;
    case EVENT_CLOSE:
        append_close(buffer, event);
        break;
    case EVENT_KIND_COUNT:
    default:
        ASSERT(!"a kind of event");
    }
}

static void append_event(struct buffer *buffer, struct span connection, const struct event *event)
{
    buffer_append_text(buffer, "{\"type\":\"");
    buffer_append_text(buffer, event_kind_name(event->kind));
    buffer_append_text(buffer, "\",\"connectionId\":");
    json_append_string(buffer, connection);
    append_members(buffer, event);
    buffer_append_byte(buffer, '}');
}

static void append_group(struct buffer *buffer, const struct event_group *group, bool with_key)
{
    buffer_append_text(buffer, "{\"connectionId\":");
    json_append_string(buffer, group->connection);
    buffer_append_text(buffer, ",\"metadata\":");
    buffer_append_span(buffer, group->metadata.length > 0 ? group->metadata : span_text("null"));
    if (with_key) {
        buffer_append_text(buffer, ",\"idempotencyKey\":");
        json_append_string(buffer, group->key);
    }
    buffer_append_text(buffer, ",\"events\":[");
    for (size_t i = 0; i < group->event_count; i++) {
        if (i > 0)
            buffer_append_byte(buffer, ',');
        append_event(buffer, group->connection, &group->events[i]);
    }
    buffer_append_text(buffer, "]}");
}

void event_request_append(struct buffer *buffer, const struct event_group *group)
{
    append_group(buffer, group, false);
}

void event_batch_append(struct buffer *buffer, const struct event_group *groups, size_t count)
{
    buffer_append_text(buffer, "{\"batch\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(buffer, ',');
        append_group(buffer, &groups[i], true);
    }
    buffer_append_text(buffer, "]}");
}

static struct event_key key_with_suffix(struct span connection, const char *suffix)
{
    struct event_key key;

    ASSERT(connection.length <= RULES_CONNECTION_ID_BYTES_MAX);
    key.length =
        (size_t)snprintf(key.text, sizeof key.text, "%.*s:%s", SPAN_ARGS(connection), suffix);
    return key;
}

struct event_key event_key_of(struct span connection, uint64_t first, uint64_t last)
{
    char range[20 + 1 + 20 + 1];

    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, first, last);
    return key_with_suffix(connection, range);
}

struct event_key event_key_of_close(struct span connection)
{
    return key_with_suffix(connection, "close");
}
