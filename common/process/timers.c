#include "common/process/timers.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void timers_fini(struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        timers->heap[i]->heap_index = SIZE_MAX;
    free(timers->heap);
    *timers = (struct timers){0};
}

struct loop_timer *timers_first(const struct timers *timers)
{
    return timers->count ? timers->heap[0] : NULL;
}

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void put(struct timers *timers, size_t index, struct loop_timer *timer)
{
    timers->heap[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct timers *timers, size_t index)
{
    struct loop_timer *timer = timers->heap[index];
    while (index > 0 && is_before(timer, timers->heap[(index - 1) / 2])) {
        put(timers, index, timers->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(timers, index, timer);
}

static void sift_down(struct timers *timers, size_t index)
{
    struct loop_timer *timer = timers->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < timers->count && is_before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (child >= timers->count || !is_before(timers->heap[child], timer))
            break;
        put(timers, index, timers->heap[child]);
        index = child;
    }
    put(timers, index, timer);
}

/* The timer at `index` has a new time: it may have to go either way. */
static void settle(struct timers *timers, size_t index)
{
    struct loop_timer *timer = timers->heap[index];
    sift_up(timers, index);
    sift_down(timers, timer->heap_index);
}

void timers_start(struct timers *timers, struct loop_timer *timer, int64_t due_ms)
{
    timer->due_ms = due_ms;
    timer->sequence = timers->next_sequence++;
    if (timer->heap_index == SIZE_MAX) {
        if (timers->count == timers->capacity) {
            timers->capacity = max_size(timers->capacity * 2, FIRST_CAPACITY);
            timers->heap = xrealloc(timers->heap, timers->capacity * sizeof(struct loop_timer *));
        }
        put(timers, timers->count++, timer);
    }
    settle(timers, timer->heap_index);
}

void timers_stop(struct timers *timers, struct loop_timer *timer)
{
    size_t index = timer->heap_index;
    if (index == SIZE_MAX)
        return;
    ASSERT(index < timers->count && timers->heap[index] == timer);
    timer->heap_index = SIZE_MAX;
    struct loop_timer *last = timers->heap[--timers->count];
    if (last != timer) {
        put(timers, index, last);
        settle(timers, index);
    }
}
