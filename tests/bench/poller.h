/* A bare epoll loop for the tools of the benchmark: they must cost less than what they measure, and
 * must not share the broker's own loop, whose faults they would share too.
 *
 * A source is embedded in its owner, who sets `fd` and `on_event` and keeps both alive until
 * poller_remove(). A source may be removed, and its owner freed, in its own on_event only: other
 * events of the same turn still point to theirs.
 */
#ifndef SLIP_BENCH_POLLER_H
#define SLIP_BENCH_POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

#include "common/base/base.h"

struct poller_source {
    int fd;
    uint32_t events; /* what is asked for now */
    void (*on_event)(struct poller_source *source, uint32_t events);
};

/* One per process, for a tool has nothing else. Exits with a message when epoll is not to be had.
 */
void poller_open(void);

/* Both exit with a message when the kernel refuses. */
void poller_add(struct poller_source *source, uint32_t events);
void poller_modify(struct poller_source *source, uint32_t events);

/* The descriptor stays open. */
void poller_remove(struct poller_source *source);

/* One turn: waits at most `timeout_ms` (-1: for ever) and serves what is ready. */
void poller_turn(int timeout_ms);

/* Monotonic, in nanoseconds. */
uint64_t poller_now_ns(void);

#endif
