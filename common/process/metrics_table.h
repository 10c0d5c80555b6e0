/* The metrics as data. Part of metrics; nobody else includes it. */
#ifndef SLIP_PROCESS_METRICS_TABLE_H
#define SLIP_PROCESS_METRICS_TABLE_H

#include "common/process/metrics.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_unit { METRIC_ONE, METRIC_BYTES, METRIC_SECONDS };

struct metric_label {
    const char *name; /* NULL: no label */
    const char *const *values;
    size_t count; /* 1 without label */
};

struct metric_row {
    const char *name; /* without slip_ */
    enum metric_kind kind;
    enum metric_unit unit;
    const struct metric_label *label;
    unsigned int programs; /* set of enum program_id */
    const char *help;
};

extern const struct metric_row metric_table[METRIC_COUNT];

/* Upper bounds of a unit's steps, in the unit that is counted; the last step has none. */
extern const int64_t metric_bounds[][METRIC_BUCKETS - 1];

/* The numbers of one label value: one, or a histogram's METRIC_BUCKETS counts and the sum. */
int64_t *metric_series(enum metric metric, unsigned int value);

const char *metric_kind_name(enum metric_kind kind);

#endif
