#include "common/process/metrics.h"

#include <inttypes.h>

#include "common/process/metrics_table.h"

/* The words of the table. */
enum {
    EDGE = PROGRAM_EDGE,
    ROUTER = PROGRAM_ROUTER,
    WORKER = PROGRAM_WORKER,
    CONTROL = PROGRAM_CONTROL,
    ALL = PROGRAM_ALL,
};

#define VALUE(id, text) text,
#define LABEL(set, label_name, texts)                  \
    static const char *const values_##set[] = {texts}; \
    static const struct metric_label label_##set = {   \
        .name = label_name,                            \
        .values = values_##set,                        \
        .count = ARRAY_LENGTH(values_##set),           \
    };
#define METRIC(id, name, kind, unit, label, programs, help)
#include "common/process/metrics.def"
#undef METRIC
#undef LABEL
#undef VALUE
static const struct metric_label label_none = {.count = 1};

#define VALUE(id, text)
#define LABEL(set, name, values)
#define METRIC(id_, name_, kind_, unit_, label_set, programs_, help_) \
    [METRIC_##id_] = {                                                \
        .name = name_,                                                \
        .kind = METRIC_##kind_,                                       \
        .unit = METRIC_##unit_,                                       \
        .label = &label_##label_set,                                  \
        .programs = programs_,                                        \
        .help = help_,                                                \
    },
const struct metric_row metric_table[METRIC_COUNT] = {
#include "common/process/metrics.def"
};
#undef METRIC

const int64_t metric_bounds[][METRIC_BUCKETS - 1] = {
    [METRIC_ONE] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
    [METRIC_BYTES] = {64, 256, 1024, 4096, 16384, 65536, 131072, 262144, 524288, 1048576, 4194304,
                      16777216, 67108864, 268435456, 1073741824},
    [METRIC_SECONDS] = {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
                        2500000, 5000000, 10000000, 30000000},
};

/* Where each metric's numbers begin in one array. A counter or gauge has one per label value, a
 * histogram METRIC_BUCKETS and a sum. The enum counts them at compile time: SLOT_x is the first of
 * x, SLOT_END_x the last. */
enum {
    SLOTS_COUNTER = 1,
    SLOTS_GAUGE = 1,
    SLOTS_HISTOGRAM = METRIC_BUCKETS + 1,
};
enum {
#define METRIC(id, name, kind, unit, label, programs, help) \
    SLOT_##id, SLOT_END_##id = SLOT_##id + SLOTS_##kind * LABEL_COUNT_##label - 1,
#include "common/process/metrics.def"
#undef METRIC
    SLOT_COUNT
};

static int64_t slots[SLOT_COUNT];

static const uint16_t first_slot[METRIC_COUNT] = {
#define METRIC(id, name, kind, unit, label, programs, help) [METRIC_##id] = SLOT_##id,
#include "common/process/metrics.def"
#undef METRIC
};
#undef LABEL
#undef VALUE

int64_t *metric_series(enum metric metric, unsigned int value)
{
    const struct metric_row *row = &metric_table[metric];
    ASSERT(value < row->label->count);
    return &slots[first_slot[metric] +
                  value * (row->kind == METRIC_HISTOGRAM ? SLOTS_HISTOGRAM : 1)];
}

void metric_add_label(enum metric metric, unsigned int value, int64_t amount)
{
    ASSERT(metric_table[metric].kind != METRIC_HISTOGRAM);
    *metric_series(metric, value) += amount;
}

void metric_set_label(enum metric metric, unsigned int value, int64_t amount)
{
    ASSERT(metric_table[metric].kind != METRIC_HISTOGRAM);
    *metric_series(metric, value) = amount;
}

void metric_observe_label(enum metric metric, unsigned int value, int64_t amount)
{
    ASSERT(metric_table[metric].kind == METRIC_HISTOGRAM);
    int64_t *series = metric_series(metric, value);
    const int64_t *bounds = metric_bounds[metric_table[metric].unit];
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS - 1 && amount > bounds[bucket])
        bucket++;
    series[bucket]++;
    series[METRIC_BUCKETS] += amount;
}

static int64_t observations(const int64_t *series)
{
    int64_t count = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        count += series[i];
    return count;
}

int64_t metric_get_label(enum metric metric, unsigned int value)
{
    const int64_t *series = metric_series(metric, value);
    return metric_table[metric].kind == METRIC_HISTOGRAM ? observations(series) : *series;
}

/* Forgetting the label of a metric that has one would count everything as its first value. */
static void assert_unlabelled(enum metric metric)
{
    ASSERT(!metric_table[metric].label->name);
}

void metric_add(enum metric metric, int64_t amount)
{
    assert_unlabelled(metric);
    metric_add_label(metric, 0, amount);
}

void metric_set(enum metric metric, int64_t amount)
{
    assert_unlabelled(metric);
    metric_set_label(metric, 0, amount);
}

void metric_observe(enum metric metric, int64_t amount)
{
    assert_unlabelled(metric);
    metric_observe_label(metric, 0, amount);
}

int64_t metric_get(enum metric metric)
{
    assert_unlabelled(metric);
    return metric_get_label(metric, 0);
}

int metric_label_find(enum metric metric, struct span name)
{
    const struct metric_label *label = metric_table[metric].label;
    for (size_t i = 0; label->name && i < label->count; i++)
        if (span_is(name, label->values[i]))
            return (int)i;
    return -1;
}

const char *metric_kind_name(enum metric_kind kind)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[kind];
}
