/* The event loop of a process: one thread, one epoll set, timers, and work put off to the end of
 * the turn.
 *
 *     turn:  wait (the only blocking call)
 *            → sources:  the callback of each ready descriptor
 *            → polled:   things whose readiness epoll cannot show (ZeroMQ)
 *            → timers:   those that are due
 *            → deferred: what this turn has gathered leaves (one message per peer, not one per
 * fact)
 *
 * A callback may add, change and remove any source, timer, polled or deferred work, its own
 * included, and free the memory they live in: what was removed gets no further call of the turn.
 * Callbacks never wait.
 *
 * Frozen is dead: `on_frozen` is called, before any further callback, when more than
 * `frozen_after_ms` (CLOCK_BOOTTIME) have passed since the loop last began a turn. A wait is never
 * planned for more than half of that, so only a process that was stopped, or a callback that took
 * as long, can be late. (Peers have declared such a process dead; it must not act on what it
 * remembers.) If `on_frozen` returns, the loop goes on from where it was.
 *
 * One thread uses a loop; nothing here is thread-safe.
 */
#ifndef SLIP_PROCESS_LOOP_H
#define SLIP_PROCESS_LOOP_H

#include <sys/epoll.h>

#include "common/base/list.h"

struct loop;

/* Work for a descriptor. `events` is a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP (level-triggered);
 * EPOLLHUP and EPOLLERR are always reported. */
struct loop_source {
    int fd; /* -1 when not registered */
    uint32_t events;
    void (*on_event)(struct loop_source *source, uint32_t events);
};

/* A one-shot timer; start it again from its callback to repeat. Set up by loop_timer_init. */
struct loop_timer {
    int64_t due_ms;    /* CLOCK_MONOTONIC */
    uint64_t sequence; /* when it was started: equal times fire in this order */
    size_t heap_index; /* SIZE_MAX when not running */
    void (*on_due)(struct loop_timer *timer);
};

/* Work to do once at the end of the turn, however often it was asked for. */
struct loop_deferred {
    struct list link;
    void (*on_deferred)(struct loop_deferred *deferred);
};

/* Asked every turn: before the wait (when `has_work`, the wait does not block) and after it (when
 * `has_work`, `on_work` is called once). For ZeroMQ sockets, whose descriptor is edge-triggered. */
struct loop_polled {
    struct list link;
    bool (*has_work)(struct loop_polled *polled);
    void (*on_work)(struct loop_polled *polled); /* bounded per turn */
};

/* Never NULL: what could fail (epoll_create) aborts. `frozen_after_ms` 0 switches the check off;
 * then `on_frozen` may be NULL. */
MUST_USE
struct loop *loop_new(int64_t frozen_after_ms, void (*on_frozen)(void *context), void *context);

/* Waits awake up to `limit_us` where that pays (busy_poll.h); 0, as it begins: never. */
void loop_set_busy_poll(struct loop *loop, int64_t limit_us);

/* Forgets whatever is still registered (it is the callers'; nothing is called), and sets *loop to
 * NULL. Accepts NULL inside. */
void loop_destroy(struct loop **loop);

/* Turns until loop_stop(). Also stops at once when it was called before. */
void loop_run(struct loop *loop);

/* One turn; waits at most `wait_limit_ms` (-1: as long as it takes). For tests and for the last
 * turns of a shutdown. */
void loop_turn(struct loop *loop, int64_t wait_limit_ms);

/* loop_run returns after this turn, deferred work included. */
void loop_stop(struct loop *loop);

/* Calls `on_frozen` if the process was frozen: for a callback that is about to do something
 * irrevocable after long work. The loop itself asks before each callback. */
void loop_check_frozen(struct loop *loop);

/* CLOCK_MONOTONIC when this turn's wait ended: cheap, and the same for all callbacks of a turn. */
int64_t loop_now_ms(const struct loop *loop);

/* Registers source->fd for source->events, both set by the caller, who owns `source` and keeps it
 * in place until loop_remove. Returns 0, -EEXIST (the descriptor is registered already), -EPERM
 * (a kind of descriptor that epoll does not take), -ENOSPC or -ENOMEM. */
MUST_USE
int loop_add(struct loop *loop, struct loop_source *source);

/* `to`, whose callback the caller has set, takes over from `from` the descriptor and what it is
 * watched for; `from` is not registered after. No system call: for a socket that becomes another
 * object's business. An event that this turn still holds for it reaches `to`. */
void loop_hand_over(struct loop *loop, struct loop_source *from, struct loop_source *to);

/* Changes the events waited for (no system call when nothing changes). */
void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);

/* Unregisters, and sets source->fd to -1. Does not close the descriptor, and is called before it
 * is closed. Harmless on fd -1. */
void loop_remove(struct loop *loop, struct loop_source *source);

void loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *timer));

/* (Re)starts: due `delay_ms` after loop_now_ms. A delay of 0 or less is due in this turn when
 * timers have not run yet, otherwise in the next. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);

/* Harmless when the timer is not running. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);

void loop_deferred_init(struct loop_deferred *deferred,
                        void (*on_deferred)(struct loop_deferred *deferred));

/* Asks for one call at the end of this turn; asking again is free. Work deferred by deferred work
 * runs in the same turn, up to a bound, then in the next, which does not wait. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_undefer(struct loop_deferred *deferred);

void loop_add_polled(struct loop *loop, struct loop_polled *polled);
void loop_remove_polled(struct loop_polled *polled);

#endif
