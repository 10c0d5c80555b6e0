#include "router/letter.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/contract/event.h"
#include "common/text/base64.h"
#include "common/text/json.h"

enum { CODE_MAX = 4999 };

/* The members of one event; those of other kinds stay JSON_NONE. */
struct members {
    struct json_value type, data, reason;
    uint64_t code;
};

static struct members take_members(struct json_reader *reader)
{
    struct members members = {0};
    struct span key;

    json_enter_object(reader);
    while (json_next_key(reader, &key)) {
        if (span_is(key, "type"))
            members.type = json_take_string(reader);
        else if (span_is(key, "data"))
            members.data = json_take_string(reader);
        else if (span_is(key, "reason"))
            members.reason = json_take_string(reader);
        else if (span_is(key, "code"))
            members.code = (uint64_t)json_take_integer(reader, 0, CODE_MAX);
        else
            json_skip(reader);
    }
    return members;
}

/* Behind what `text` holds already; it has room for everything and does not move. */
static int take_text(const struct json_value *value, struct buffer *text, struct span *ret_text)
{
    char *at = text->data + text->length;
    size_t length;

    if (value->kind != JSON_STRING || json_unescape(value, at, &length) < 0)
        return -EBADMSG;
    buffer_commit(text, length);
    *ret_text = span_of(at, length);
    return 0;
}

static int take_bytes(const struct json_value *value, struct buffer *text, struct span *ret_bytes)
{
    char *at = text->data + text->length;
    size_t length;

    if (take_text(value, text, ret_bytes) < 0 || base64_decode(*ret_bytes, at, &length) < 0)
        return -EBADMSG;
    *ret_bytes = span_of(at, length);
    return 0;
}

static int read_event(const struct members *members, struct buffer *text,
                      struct record_event *ret_event)
{
    struct span type;

    if (take_text(&members->type, text, &type) < 0)
        return -EBADMSG;
    *ret_event = (struct record_event){.code = members->code};
    if (span_is(type, event_kind_name(EVENT_TEXT))) {
        ret_event->kind = EVENT_TEXT;
        return take_text(&members->data, text, &ret_event->data);
    }
    if (span_is(type, event_kind_name(EVENT_BINARY))) {
        ret_event->kind = EVENT_BINARY;
        return take_bytes(&members->data, text, &ret_event->data);
    }
    if (span_is(type, event_kind_name(EVENT_CLOSE))) {
        ret_event->kind = EVENT_CLOSE;
        return take_text(&members->reason, text, &ret_event->data);
    }
    return -EBADMSG;
}

static size_t count_events(struct span events)
{
    struct json_reader reader;
    size_t count = 0;

    json_reader_init(&reader, events);
    json_enter_array(&reader);
    for (; json_next_element(&reader); count++)
        json_skip(&reader);
    return json_finish(&reader) == 0 ? count : 0;
}

static int read_events(struct span events, struct buffer *text, struct record_event *items)
{
    struct json_reader reader;
    int error = 0;

    json_reader_init(&reader, events);
    json_enter_array(&reader);
    for (size_t i = 0; error == 0 && json_next_element(&reader); i++) {
        struct members members = take_members(&reader);
        error = reader.error ? -EBADMSG : read_event(&members, text, &items[i]);
    }
    return error;
}

int letter_read(struct span events, uint64_t first, uint64_t last, struct batch **ret_batch)
{
    size_t count = count_events(events);

    if (count == 0)
        return -EBADMSG;
    struct record_event *items = xcalloc(count, sizeof *items);
    struct buffer text = {0};
    (void)buffer_reserve(&text, events.length);
    int error = read_events(events, &text, items);
    if (error == 0)
        error = batch_copy(&(struct message_batch){.first = first,
                                                   .last = last,
                                                   .events = {.items = items, .count = count}},
                           0, ret_batch);
    buffer_fini(&text);
    free(items);
    return error;
}
