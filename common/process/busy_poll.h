/* Waiting awake: looking at an epoll set again and again for a moment, before sleeping on it.
 *
 * A processor that has nothing to do sleeps, and waking it takes longer than most turns of our
 * loops: on a virtual machine some 30 µs, and an event's way through the ring wakes somebody
 * sixteen times (docs/performance.md). So a process that was asked to (BUSY_POLL) stays awake where
 * that is likely to pay:
 *
 *     only as long as the limit, and only after a wait that turned out shorter than it: whoever is
 *     called rarely sleeps at once;
 *     only while nobody else wants the processor: each look offers it to others, and when somebody
 *     takes it, this wait and some after it sleep.
 *
 * One thread; owned by its loop.
 */
#ifndef SLIP_PROCESS_BUSY_POLL_H
#define SLIP_PROCESS_BUSY_POLL_H

#include <sys/epoll.h>

#include "common/base/base.h"

struct busy_poll {
    int64_t limit_us; /* 0: never */
    bool is_worth;    /* the last wait was shorter than the limit */
    unsigned rests;   /* waits to sleep through, because the processor is wanted */
};

/* What a look, and offering the processor, took: more than this, and somebody else ran. */
enum { BUSY_POLL_TAKEN_US = 50, BUSY_POLL_RESTS = 2 };

/* As epoll_wait(). */
int busy_poll_wait(struct busy_poll *poll, int epoll_fd, struct epoll_event *events, int count,
                   int wait_ms);

/* ---- its judgement, for tests ---- */

/* Whether the next wait begins awake; one that must rest is counted. */
bool busy_poll_begins(struct busy_poll *poll);

/* Somebody took the processor. */
void busy_poll_yielded(struct busy_poll *poll);

/* How long a wait took in all. */
void busy_poll_learn(struct busy_poll *poll, int64_t took_us);

#endif
