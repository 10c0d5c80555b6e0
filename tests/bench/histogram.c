#include "tests/bench/histogram.h"

#include "common/base/base.h"

enum { STEP_BITS = 6 };
_Static_assert(HISTOGRAM_STEPS == 1 << STEP_BITS, "as many steps as their bits say");

/* How far a value is shifted so that its top bit and the six below remain. */
static unsigned shift_of(uint64_t value)
{
    return value < HISTOGRAM_STEPS ? 0 : 63U - (unsigned)__builtin_clzll(value) - STEP_BITS;
}

static unsigned bucket_of(uint64_t value)
{
    unsigned shift = shift_of(value);
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((value >> shift) - HISTOGRAM_STEPS);
}

static uint64_t upper_end(unsigned bucket)
{
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    if (value > histogram->largest)
        histogram->largest = value;
    histogram->buckets[bucket_of(value)]++;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.5);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0)
            return upper_end(i) < histogram->largest ? upper_end(i) : histogram->largest;
    }
    return 0;
}
