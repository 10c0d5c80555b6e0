#include "edge/event_queue.h"

#include <stdlib.h>

struct queued_event *queued_event_new(enum event_kind kind, struct span data, uint16_t code)
{
    ASSERT(data.length <= UINT32_MAX);
    struct queued_event *event = xmalloc(sizeof(*event) + data.length);
    *event =
        (struct queued_event){.length = (uint32_t)data.length, .code = code, .kind = (uint8_t)kind};
    if (data.length > 0)
        memcpy(event->data, data.data, data.length);
    return event;
}

void event_queue_push(struct event_queue *queue, struct queued_event *event)
{
    event->next = NULL;
    if (queue->last)
        queue->last->next = event;
    else
        queue->first = event;
    queue->last = event;
    if (!queue->unsealed)
        queue->unsealed = event;
    queue->bytes += queued_event_bytes(event);
    queue->count++;
    queue->next_sequence++;
}

static void drop_first(struct event_queue *queue)
{
    struct queued_event *event = queue->first;
    queue->first = event->next;
    if (!queue->first)
        queue->last = NULL;
    queue->bytes -= queued_event_bytes(event);
    queue->count--;
    free(event);
}

void event_queue_fini(struct event_queue *queue)
{
    while (queue->first)
        drop_first(queue);
    *queue = (struct event_queue){0};
}

static bool goes_alone(const struct queued_event *event)
{
    return event->kind == EVENT_OPEN || event->kind == EVENT_CLOSE;
}

static uint32_t sealed_events(const struct event_queue *queue, size_t batches)
{
    uint32_t count = 0;
    for (size_t i = 0; i < batches; i++)
        count += queue->sealed[i].count;
    return count;
}

bool event_queue_seal(struct event_queue *queue, const struct batch_limits *limits)
{
    struct queued_event *event = queue->unsealed;
    if (!event || queue->sealed_count == EVENT_QUEUE_SEALED)
        return false;
    uint64_t first =
        queue->next_sequence - (queue->count - sealed_events(queue, queue->sealed_count));
    bool is_alone = goes_alone(event);
    uint32_t count = 0;
    size_t bytes = 0;
    do {
        bytes += event->length;
        count++;
        event = event->next;
    } while (event && !is_alone && !goes_alone(event) && count < limits->events &&
             bytes + event->length <= limits->bytes);
    queue->sealed[queue->sealed_count++] =
        (struct sealed_batch){.last = first + count - 1, .count = count};
    queue->unsealed = event;
    return true;
}

uint64_t event_queue_batch_first(const struct event_queue *queue, size_t batch)
{
    ASSERT(batch < queue->sealed_count);
    return queue->sealed[batch].last - queue->sealed[batch].count + 1;
}

const struct queued_event *event_queue_batch_events(const struct event_queue *queue, size_t batch)
{
    ASSERT(batch < queue->sealed_count);
    const struct queued_event *event = queue->first;
    for (uint32_t skip = sealed_events(queue, batch); skip > 0; skip--)
        event = event->next;
    return event;
}

size_t event_queue_acknowledge(struct event_queue *queue, uint64_t last)
{
    size_t done = 0;
    while (done < queue->sealed_count && queue->sealed[done].last != last)
        done++;
    if (done == queue->sealed_count)
        return 0;
    done++;
    size_t before = queue->bytes;
    for (uint32_t left = sealed_events(queue, done); left > 0; left--)
        drop_first(queue);
    for (size_t i = done; i < queue->sealed_count; i++)
        queue->sealed[i - done] = queue->sealed[i];
    queue->sealed_count = (uint8_t)(queue->sealed_count - done);
    return before - queue->bytes;
}
