#include "common/process/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/busy_poll.h"
#include "common/process/timers.h"

enum {
    BATCH_EVENTS = 256,   /* events taken from the kernel in one turn */
    DEFERRED_ROUNDS = 16, /* of deferred work that defers work, in one turn */
};

/* What a descriptor number stands for now. An event carries the number and the generation it was
 * registered under, so one that is meant for a source removed meanwhile finds nobody, though its
 * memory may be freed and its number used again. */
struct slot {
    struct loop_source *source;
    uint32_t generation;
};

struct loop {
    int epoll_fd;
    struct slot *slots; /* indexed by descriptor */
    size_t slot_count;
    struct timers timers;
    struct list deferred;
    struct list polled;
    struct busy_poll busy_poll;
    int64_t now_ms;
    bool stopping;

    int64_t frozen_after_ms;
    int64_t alive_at_ms; /* CLOCK_BOOTTIME when this turn began */
    void (*on_frozen)(void *context);
    void *context;
};

struct loop *loop_new(int64_t frozen_after_ms, void (*on_frozen)(void *context), void *context)
{
    ASSERT(frozen_after_ms == 0 || on_frozen);
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(loop->epoll_fd >= 0);
    list_init(&loop->deferred);
    list_init(&loop->polled);
    loop->frozen_after_ms = frozen_after_ms;
    loop->on_frozen = on_frozen;
    loop->context = context;
    loop->now_ms = clock_monotonic_ms();
    loop->alive_at_ms = clock_boottime_ms();
    return loop;
}

void loop_set_busy_poll(struct loop *loop, int64_t limit_us)
{
    loop->busy_poll.limit_us = limit_us;
}

static void forget_all(struct list *list)
{
    while (!list_is_empty(list))
        list_remove(list->next);
}

void loop_destroy(struct loop **loop_place)
{
    struct loop *loop = *loop_place;
    if (!loop)
        return;
    *loop_place = NULL;
    for (size_t fd = 0; fd < loop->slot_count; fd++)
        if (loop->slots[fd].source)
            loop->slots[fd].source->fd = -1;
    forget_all(&loop->deferred);
    forget_all(&loop->polled);
    timers_fini(&loop->timers);
    free(loop->slots);
    close(loop->epoll_fd);
    free(loop);
}

void loop_check_frozen(struct loop *loop)
{
    if (loop->frozen_after_ms == 0)
        return;
    int64_t now_ms = clock_boottime_ms();
    if (now_ms - loop->alive_at_ms <= loop->frozen_after_ms)
        return;
    loop->alive_at_ms = now_ms;
    loop->on_frozen(loop->context);
}

static bool has_polled_work(struct loop *loop)
{
    LIST_FOR_EACH(&loop->polled, link) {
        struct loop_polled *polled = LIST_ENTRY(link, struct loop_polled, link);
        if (polled->has_work(polled))
            return true;
    }
    return false;
}

/* Half of frozen_after_ms at most, so that a whole one passes only when the process was stopped. */
static int wait_ms(struct loop *loop, int64_t limit_ms)
{
    const int64_t longest_ms = loop->frozen_after_ms ? loop->frozen_after_ms / 2 : 3600000;
    int64_t wait = limit_ms < 0 || limit_ms > longest_ms ? longest_ms : limit_ms;
    if (!list_is_empty(&loop->deferred) || has_polled_work(loop))
        return 0;
    const struct loop_timer *first = timers_first(&loop->timers);
    int64_t until_due_ms = first ? first->due_ms - clock_monotonic_ms() : wait;
    if (until_due_ms < wait)
        wait = until_due_ms;
    return wait > 0 ? (int)wait : 0;
}

static int wait_for_events(struct loop *loop, struct epoll_event events[BATCH_EVENTS],
                           int64_t limit_ms)
{
    int count = busy_poll_wait(&loop->busy_poll, loop->epoll_fd, events, BATCH_EVENTS,
                               wait_ms(loop, limit_ms));
    ASSERT(count >= 0 || errno == EINTR);
    loop_check_frozen(loop);
    loop->alive_at_ms = clock_boottime_ms();
    loop->now_ms = clock_monotonic_ms();
    return count < 0 ? 0 : count;
}

static void run_sources(struct loop *loop, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        loop_check_frozen(loop);
        const struct slot *slot = &loop->slots[(uint32_t)events[i].data.u64];
        if (slot->source && slot->generation == (uint32_t)(events[i].data.u64 >> 32))
            slot->source->on_event(slot->source, events[i].events);
    }
}

/* Each is moved to the end before its call, so that the walk survives whatever the call removes. */
static void run_polled(struct loop *loop)
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &loop->polled);
    while (!list_is_empty(&waiting)) {
        struct loop_polled *polled = LIST_FIRST(&waiting, struct loop_polled, link);
        list_remove(&polled->link);
        list_append(&loop->polled, &polled->link);
        loop_check_frozen(loop);
        /* on_frozen may have removed it; then it is in no list any more. */
        if (loop->polled.previous == &polled->link && polled->has_work(polled))
            polled->on_work(polled);
    }
}

/* A timer started by a timer of this turn waits for the next one: work that keeps itself going
 * must not keep the sockets waiting. */
static void run_timers(struct loop *loop)
{
    uint64_t end = loop->timers.next_sequence;
    for (;;) {
        loop_check_frozen(loop);
        struct loop_timer *timer = timers_first(&loop->timers);
        if (!timer || timer->due_ms > loop->now_ms || timer->sequence >= end)
            return;
        timers_stop(&loop->timers, timer);
        timer->on_due(timer);
    }
}

static void run_deferred(struct loop *loop)
{
    struct list round;
    list_init(&round);
    for (int i = 0; i < DEFERRED_ROUNDS && !list_is_empty(&loop->deferred); i++) {
        list_splice(&round, &loop->deferred);
        for (;;) {
            loop_check_frozen(loop);
            struct loop_deferred *deferred = LIST_FIRST(&round, struct loop_deferred, link);
            if (!deferred)
                break;
            list_remove(&deferred->link);
            deferred->on_deferred(deferred);
        }
    }
}

void loop_turn(struct loop *loop, int64_t wait_limit_ms)
{
    struct epoll_event events[BATCH_EVENTS];
    int count = wait_for_events(loop, events, wait_limit_ms);
    run_sources(loop, events, count);
    run_polled(loop);
    run_timers(loop);
    run_deferred(loop);
}

void loop_run(struct loop *loop)
{
    /* What came before (opening a database, say) was not a turn. */
    loop->alive_at_ms = clock_boottime_ms();
    while (!loop->stopping)
        loop_turn(loop, -1);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

static struct slot *slot_of(struct loop *loop, int fd)
{
    size_t index = (size_t)fd;
    if (index >= loop->slot_count) {
        size_t count = max_size(loop->slot_count * 2, max_size(index + 1, 64));
        loop->slots = xrealloc(loop->slots, count * sizeof(struct slot));
        memset(loop->slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof(struct slot));
        loop->slot_count = count;
    }
    return &loop->slots[index];
}

static int control(struct loop *loop, int operation, const struct loop_source *source,
                   uint32_t generation)
{
    struct epoll_event event = {
        .events = source->events,
        .data.u64 = (uint64_t)generation << 32 | (uint32_t)source->fd,
    };
    return epoll_ctl(loop->epoll_fd, operation, source->fd, &event) == 0 ? 0 : -errno;
}

int loop_add(struct loop *loop, struct loop_source *source)
{
    ASSERT(source->fd >= 0 && source->on_event);
    struct slot *slot = slot_of(loop, source->fd);
    int rc = control(loop, EPOLL_CTL_ADD, source, slot->generation + 1);
    if (rc == 0)
        *slot = (struct slot){.source = source, .generation = slot->generation + 1};
    return rc;
}

void loop_hand_over(struct loop *loop, struct loop_source *from, struct loop_source *to)
{
    ASSERT(from->fd >= 0 && to->on_event);
    struct slot *slot = slot_of(loop, from->fd);
    ASSERT(slot->source == from);
    slot->source = to;
    to->fd = from->fd;
    to->events = from->events;
    from->fd = -1;
}

void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
    ASSERT(source->fd >= 0);
    if (source->events == events)
        return;
    struct slot *slot = slot_of(loop, source->fd);
    ASSERT(slot->source == source);
    source->events = events;
    int rc = control(loop, EPOLL_CTL_MOD, source, slot->generation);
    ASSERT(rc == 0);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    struct slot *slot = slot_of(loop, source->fd);
    ASSERT(slot->source == source);
    slot->source = NULL;
    /* Fails only when the descriptor was closed already, and then the kernel has forgotten it. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = -1;
}

void loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *timer))
{
    *timer = (struct loop_timer){.heap_index = SIZE_MAX, .on_due = on_due};
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    ASSERT(timer->on_due);
    timers_start(&loop->timers, timer, loop->now_ms + (delay_ms > 0 ? delay_ms : 0));
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timers_stop(&loop->timers, timer);
}

bool loop_timer_is_running(const struct loop_timer *timer)
{
    return timer->heap_index != SIZE_MAX;
}

void loop_deferred_init(struct loop_deferred *deferred,
                        void (*on_deferred)(struct loop_deferred *deferred))
{
    list_init(&deferred->link);
    deferred->on_deferred = on_deferred;
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (!list_is_linked(&deferred->link))
        list_append(&loop->deferred, &deferred->link);
}

void loop_undefer(struct loop_deferred *deferred)
{
    list_remove(&deferred->link);
}

void loop_add_polled(struct loop *loop, struct loop_polled *polled)
{
    list_append(&loop->polled, &polled->link);
}

void loop_remove_polled(struct loop_polled *polled)
{
    list_remove(&polled->link);
}
