/* A timer wheel: the deadlines of very many connections at the cost of one timer of the loop.
 *
 *     slot 0   1   2   …  1023             each 100 ms wide
 *          │       └▶ timer ⇄ timer        due in this slot, in this turn of the wheel or a later
 *          └▶ timer
 *
 * Starting, restarting and stopping cost a few instructions whatever the number of timers. A far
 * deadline (a year) stays in its slot and is passed by once per turn. Coarse: a timer fires up to
 * a slot's width late, never early.
 *
 * The timers are embedded in their owners' structures, the wheel in the edge. One thread. The wheel
 * reads no clock: whoever drives it says what time it is, in milliseconds of a clock that never
 * goes back.
 */
#ifndef SLIP_EDGE_PROTOCOL_TIMER_WHEEL_H
#define SLIP_EDGE_PROTOCOL_TIMER_WHEEL_H

#include "common/base/list.h"

enum {
    TIMER_WHEEL_SLOTS = 1024, /* a power of two */
    TIMER_WHEEL_SLOT_MS = 100,
};

/* Initialise with wheel_timer_init(); stop before its memory goes. */
struct wheel_timer {
    struct list link;
    int64_t due_slot; /* counted from the clock's zero */
    void (*on_due)(struct wheel_timer *timer);
};

struct timer_wheel {
    int64_t passed_slot; /* everything due up to this slot has fired */
    size_t count;        /* running timers */
    struct list slots[TIMER_WHEEL_SLOTS];
};

/* No finish: a wheel owns no memory. */
void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms);

void wheel_timer_init(struct wheel_timer *timer, void (*on_due)(struct wheel_timer *timer));
bool wheel_timer_is_running(const struct wheel_timer *timer);

/* (Re)starts: fires in the first advance at or after `due_ms` (a past one: in the next advance).
 * The latest start counts. */
void timer_wheel_start(struct timer_wheel *wheel, struct wheel_timer *timer, int64_t due_ms);

/* Harmless when it does not run. */
void timer_wheel_stop(struct timer_wheel *wheel, struct wheel_timer *timer);

/* Calls on_due of every timer that is due, each stopped before its call, in the order of their
 * slots (in any order when the last advance was more than a turn of the wheel ago). A callback may
 * start, stop and free any timer, its own included; what it starts does not fire in this
 * advance. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms);

#endif
