#include "router/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "common/contract/event.h"

static size_t data_bytes(const struct record_event_list *events)
{
    size_t bytes = 0;

    for (size_t i = 0; i < events->count; i++)
        bytes += events->items[i].data.length;
    return bytes;
}

static struct batch *copy_events(const struct record_event_list *events)
{
    size_t table_bytes = events->count * sizeof(struct record_event);
    size_t bytes = sizeof(struct batch) + table_bytes + data_bytes(events);
    struct batch *batch = xcalloc(1, bytes);
    struct record_event *items = (struct record_event *)(void *)(batch + 1);
    char *data = (char *)(items + events->count);

    list_init(&batch->link);
    batch->bytes = bytes;
    batch->events = (struct record_event_list){.items = items, .count = events->count};
    for (size_t i = 0; i < events->count; i++) {
        items[i] = events->items[i];
        items[i].data.data = data;
        if (items[i].data.length > 0)
            memcpy(data, events->items[i].data.data, items[i].data.length);
        data += items[i].data.length;
    }
    return batch;
}

/* OPEN and CLOSE go alone, whatever the limits. */
static bool is_one_batch(const struct message_batch *message)
{
    const struct record_event_list *events = &message->events;

    if (events->count == 0 || message->last < message->first ||
        message->last - message->first != events->count - 1)
        return false;
    for (size_t i = 0; i < events->count; i++) {
        uint64_t kind = events->items[i].kind;
        if (kind >= EVENT_KIND_COUNT)
            return false;
        if ((kind == EVENT_OPEN || kind == EVENT_CLOSE) && events->count > 1)
            return false;
    }
    return (events->items[0].kind == EVENT_OPEN) == (message->first == 0);
}

int batch_copy(const struct message_batch *message, int64_t now_ms, struct batch **ret_batch)
{
    if (!is_one_batch(message))
        return -EBADMSG;
    struct batch *batch = copy_events(&message->events);

    batch->first = message->first;
    batch->last = message->last;
    batch->is_open = message->events.items[0].kind == EVENT_OPEN;
    batch->is_close = message->events.items[0].kind == EVENT_CLOSE;
    if (batch->is_open && message->remaining_ms > 0)
        batch->deadline_ms = now_ms + (int64_t)message->remaining_ms;
    else if (batch->is_open)
        batch_stop_waiting(batch);
    *ret_batch = batch;
    return 0;
}

struct batch *batch_new_close(uint64_t code, struct span reason)
{
    const struct record_event event = {.kind = EVENT_CLOSE, .data = reason, .code = code};
    const struct record_event_list events = {.items = &event, .count = 1};
    struct batch *batch = copy_events(&events);

    batch->first = batch->last = BATCH_SEQUENCE_CLOSE;
    batch->is_close = true;
    return batch;
}

void batch_destroy(struct batch **batch)
{
    free(*batch);
    *batch = NULL;
}

void batch_is_repeated(struct batch *batch)
{
    batch->was_sent = true;
    batch->may_be_accepted = true;
}

void batch_stop_waiting(struct batch *batch)
{
    batch_is_repeated(batch);
    batch->deadline_ms = 0;
}

uint64_t batch_remaining_ms(const struct batch *batch, int64_t now_ms)
{
    if (batch->deadline_ms <= now_ms)
        return 0;
    return (uint64_t)(batch->deadline_ms - now_ms);
}
