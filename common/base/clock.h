/* Time. Intervals are measured on clocks that nobody sets; only what people and tokens read uses
 * the wall clock. All in milliseconds unless the name says otherwise. */
#ifndef SLIP_BASE_CLOCK_H
#define SLIP_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: time-outs, heartbeats, ages. Stands still while the machine sleeps. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/* CLOCK_BOOTTIME: goes on while the machine sleeps or the process is stopped; by it an actor
 * notices that it was frozen. */
int64_t clock_boottime_ms(void);

/* CLOCK_REALTIME: for logs, tokens and rows. */
int64_t clock_realtime_ms(void);
int64_t clock_realtime_us(void);

#endif
