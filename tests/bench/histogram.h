/* Durations counted in buckets that are never wider than 1/64 of their value, from nanoseconds to
 * hours, in fixed memory: percentiles come out within 1.6 %, however many were recorded.
 *
 *     value < 64: one bucket each;  then each power of two in 64 equal buckets
 */
#ifndef SLIP_BENCH_HISTOGRAM_H
#define SLIP_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = HISTOGRAM_STEPS * (64 - 6 + 1) };

struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *histogram, uint64_t value);

/* The upper end of the bucket in which the `share` (0 to 1) of all values ends; 0 when empty. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
