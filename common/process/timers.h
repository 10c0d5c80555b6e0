/* The timers of one loop: a binary heap, the next due one on top.
 *
 * Ordered by due time, then by when they were started. Each timer knows its place, so stopping one
 * needs no search. Part of the loop; nobody else includes it.
 */
#ifndef SLIP_PROCESS_TIMERS_H
#define SLIP_PROCESS_TIMERS_H

#include "common/process/loop.h"

struct timers {
    struct loop_timer **heap;
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
};

void timers_fini(struct timers *timers);

/* The next due timer, or NULL. */
struct loop_timer *timers_first(const struct timers *timers);

/* (Re)starts a timer, or moves it. */
void timers_start(struct timers *timers, struct loop_timer *timer, int64_t due_ms);
/* Harmless when it is not running. */
void timers_stop(struct timers *timers, struct loop_timer *timer);

#endif
