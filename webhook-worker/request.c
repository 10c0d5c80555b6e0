#include "webhook-worker/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/siphash.h"

static bool is_plain(struct span id)
{
    for (size_t i = 0; i < id.length; i++)
        if (id.data[i] <= ' ' || id.data[i] > '~')
            return false;
    return id.length > 0;
}

static const char *check_item(const struct record_job_item *item)
{
    if (!is_plain(item->connection))
        return "a connection id that is no token";
    if (item->events.count == 0)
        return "a batch without events";
    for (size_t i = 0; i < item->events.count; i++)
        if (item->events.items[i].kind >= EVENT_KIND_COUNT)
            return "an unknown kind of event";
    return NULL;
}

static bool has_repeated_ids(const struct message_job *message)
{
    struct table seen;
    struct table_link *links = xcalloc(message->items.count, sizeof(*links));
    bool is_repeated = false;
    table_init(&seen);
    for (size_t i = 0; i < message->items.count && !is_repeated; i++) {
        struct span id = message->items.items[i].connection;
        is_repeated = table_find(&seen, id) != NULL;
        if (!is_repeated)
            table_insert(&seen, &links[i], id);
    }
    table_fini(&seen);
    free(links);
    return is_repeated;
}

const char *request_check(const struct message_job *message)
{
    if (message->items.count == 0)
        return "a job without batches";
    if (message->items.count > 1 && !message->is_group)
        return "several batches in the form for one";
    for (size_t i = 0; i < message->items.count; i++) {
        const char *reason = check_item(&message->items.items[i]);
        if (reason)
            return reason;
    }
    return message->items.count > 1 && has_repeated_ids(message) ? "a connection twice" : NULL;
}

static struct event event_of(const struct record_event *record, uint64_t sequence)
{
    struct event event = {
        .kind = (enum event_kind)record->kind,
        .sequence = sequence,
        .code = (uint16_t)record->code,
    };
    if (event.kind == EVENT_CLOSE)
        event.reason = record->data;
    else
        event.data = record->data;
    return event;
}

/* CLOSE goes alone. */
static struct event_key key_of(const struct record_job_item *item)
{
    if (item->events.count == 1 && item->events.items[0].kind == EVENT_CLOSE)
        return event_key_of_close(item->connection);
    return event_key_of(item->connection, item->first, item->last);
}

static void write_one(struct job *job, const struct record_job_item *item, struct event *events)
{
    struct event_group group = {
        .connection = item->connection,
        .metadata = item->metadata,
        .events = events,
        .event_count = item->events.count,
    };
    job->key = key_of(item);
    event_request_append(&job->body, &group);
}

static struct event_key key_of_group(const struct event_key *keys, size_t count)
{
    struct event_key key;
    struct buffer all = {0};
    for (size_t i = 0; i < count; i++)
        buffer_append(&all, keys[i].text, keys[i].length + 1);
    key.length =
        (size_t)snprintf(key.text, sizeof(key.text), "group:%016" PRIx64 "%016" PRIx64,
                         siphash13(buffer_span(&all), 0, 0), siphash13(buffer_span(&all), 0, 1));
    buffer_fini(&all);
    return key;
}

static void write_group(struct job *job, const struct message_job *message, struct event *events)
{
    size_t count = message->items.count;
    struct event_group *groups = xcalloc(count, sizeof(*groups));
    struct event_key *keys = xcalloc(count, sizeof(*keys));
    for (size_t i = 0; i < count; i++) {
        const struct record_job_item *item = &message->items.items[i];
        keys[i] = key_of(item);
        groups[i] = (struct event_group){
            .connection = item->connection,
            .metadata = item->metadata,
            .key = event_key_span(&keys[i]),
            .events = events,
            .event_count = item->events.count,
        };
        events += item->events.count;
    }
    job->key = key_of_group(keys, count);
    event_batch_append(&job->body, groups, count);
    free(keys);
    free(groups);
}

static void take_items(struct job *job, const struct message_job *message)
{
    size_t bytes = message->origin.length;
    for (size_t i = 0; i < message->items.count; i++)
        bytes += message->items.items[i].connection.length;
    job->item_count = message->items.count;
    job->items = xcalloc(job->item_count, sizeof(*job->items));
    job->names = xmalloc(bytes);
    char *name = job->names;
    for (size_t i = 0; i < job->item_count; i++) {
        const struct record_job_item *item = &message->items.items[i];
        memcpy(name, item->connection.data, item->connection.length);
        job->items[i] = (struct job_item){
            .connection = span_of(name, item->connection.length),
            .first = item->first,
            .last = item->last,
        };
        name += item->connection.length;
        if (item->attempt > job->attempt)
            job->attempt = item->attempt;
        for (size_t e = 0; e < item->events.count; e++)
            job->items[i].is_opening |= item->events.items[e].kind == EVENT_OPEN;
    }
    memcpy(name, message->origin.data ? message->origin.data : "", message->origin.length);
    job->origin = span_of(name, message->origin.length);
}

void request_write(struct job *job, const struct message_job *message)
{
    size_t event_count = 0;
    size_t next = 0;
    for (size_t i = 0; i < message->items.count; i++)
        event_count += message->items.items[i].events.count;
    struct event *events = xcalloc(event_count, sizeof(*events));
    for (size_t i = 0; i < message->items.count; i++) {
        const struct record_job_item *item = &message->items.items[i];
        for (size_t e = 0; e < item->events.count; e++)
            events[next++] = event_of(&item->events.items[e], item->first + e);
    }
    take_items(job, message);
    if (message->is_group)
        write_group(job, message, events);
    else
        write_one(job, &message->items.items[0], events);
    free(events);
}
