/* The event loop of a process: one thread, one epoll set, timers, and work put off to the end of
 * the turn.
 *
 *     turn:  wait (the only blocking call)
 *            → sources: the callback of each ready descriptor
 *            → polled sources: things whose readiness epoll cannot show (ZeroMQ)
 *            → timers that are due
 *            → deferred: what this turn has gathered leaves (one message per peer, not one per fact)
 *
 * A callback may add, change and remove any source or timer, its own included: a removed source
 * gets no further event of the turn. Callbacks never wait.
 *
 * Frozen is dead: when a turn begins more than `frozen_after_ms` (CLOCK_BOOTTIME) after the last
 * one ended its wait in time, the loop calls `on_frozen` before any other work. (A process that was stopped
 * that long has been declared dead by its peers and must not act on what it remembers.)
 *
 * One thread uses a loop; nothing here is thread-safe.
 */
#ifndef SLIP_PROCESS_LOOP_H
#define SLIP_PROCESS_LOOP_H

#include <sys/epoll.h>

#include "common/base/list.h"

struct loop;

/* Work for a descriptor. `events` is a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. */
struct loop_source {
    int fd; /* -1 when not registered */
    uint32_t events;
    void (*on_event)(struct loop_source *source, uint32_t events);
};

/* A one-shot timer; start it again from its callback to repeat. */
struct loop_timer {
    int64_t due_ms;     /* CLOCK_MONOTONIC */
    size_t heap_index;  /* SIZE_MAX when not running */
    void (*on_due)(struct loop_timer *timer);
};

/* Work to do once at the end of the turn, however often it was asked for. */
struct loop_deferred {
    struct list link;
    void (*on_deferred)(struct loop_deferred *deferred);
};

/* Asked every turn, before the wait (`poll` returns true when there is work now, so that the wait
 * does not block) and after it. For ZeroMQ sockets, whose descriptor is edge-triggered. */
struct loop_polled {
    struct list link;
    bool (*has_work)(struct loop_polled *polled);
    void (*on_work)(struct loop_polled *polled); /* bounded per turn */
};

/* Never NULL; -errno in *ret_error is not needed: what fails here (epoll_create) aborts.
 * `frozen_after_ms` 0 switches the check off. */
MUST_USE struct loop *loop_new(int64_t frozen_after_ms, void (*on_frozen)(void *context),
                               void *context);
void loop_destroy(struct loop **loop);

/* Turns until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC when this turn's wait ended: cheap, and the same for all callbacks of a turn. */
int64_t loop_now_ms(const struct loop *loop);

/* Registers source->fd for source->events, both set by the caller, who owns `source` and keeps it
 * in place until loop_remove. Returns 0 or -errno of epoll_ctl. */
MUST_USE int loop_add(struct loop *loop, struct loop_source *source);

/* Changes the events waited for (no system call when nothing changes). */
void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);

/* Unregisters; does not close the descriptor; sets source->fd to -1. Harmless on fd -1. */
void loop_remove(struct loop *loop, struct loop_source *source);

void loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *timer));
/* (Re)starts: due `delay_ms` after loop_now_ms. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);

void loop_deferred_init(struct loop_deferred *deferred,
                        void (*on_deferred)(struct loop_deferred *deferred));
/* Asks for one call at the end of this turn; asking again is free. Work deferred by deferred work
 * runs in the same turn, up to a bound, then in the next. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_undefer(struct loop_deferred *deferred);

void loop_add_polled(struct loop *loop, struct loop_polled *polled);
void loop_remove_polled(struct loop_polled *polled);

#endif
