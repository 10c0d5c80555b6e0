/* Counters, gauges and histograms of a process, for Prometheus.
 *
 * metrics.def has one line per metric; storage, names, exposition and docs/metrics.md come from it.
 * All are plain integers of the one thread that counts:
 *
 *     metric_add(METRIC_FRAMES_IN, 1);
 *     metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_REFUSED, 1);
 *     metric_set(METRIC_CONNECTIONS, count);
 *     metric_observe(METRIC_WEBHOOK_DURATION, microseconds);
 *
 * Times are handed over in microseconds and shown in seconds.
 */
#ifndef SLIP_PROCESS_METRICS_H
#define SLIP_PROCESS_METRICS_H

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/process/program.h"

/* The values of each label: LABEL_HANDSHAKE_ACCEPTED, LABEL_HANDSHAKE_REFUSED …;
 * LABEL_COUNT_handshake is how many there are. */
#define VALUE(id, text)          LABEL_##id,
#define LABEL(set, name, values) enum metric_label_##set{values LABEL_COUNT_##set};
#define METRIC(id, name, kind, unit, label, programs, help)
#include "common/process/metrics.def"
#undef METRIC
#undef LABEL
#undef VALUE
enum { LABEL_COUNT_none = 1 };

/* METRIC_CONNECTIONS, … */
#define VALUE(id, text)
#define LABEL(set, name, values)
#define METRIC(id, name, kind, unit, label, programs, help) METRIC_##id,
enum metric {
#include "common/process/metrics.def"
    METRIC_COUNT
};
#undef METRIC
#undef LABEL
#undef VALUE

/* How many steps a histogram has, the one without an upper bound included. */
enum { METRIC_BUCKETS = 16 };

/* Of a counter or gauge without label, or with one (`value`: one of its enum). */
void metric_add(enum metric metric, int64_t amount);
void metric_add_label(enum metric metric, unsigned int value, int64_t amount);
void metric_set(enum metric metric, int64_t amount);
void metric_set_label(enum metric metric, unsigned int value, int64_t amount);

/* One observation in a histogram: microseconds when its unit is SECONDS, else a plain number. */
void metric_observe(enum metric metric, int64_t amount);
void metric_observe_label(enum metric metric, unsigned int value, int64_t amount);

/* What was counted: for tests, and for rates computed by the process itself. Of a histogram, the
 * number of observations. */
int64_t metric_get(enum metric metric);
int64_t metric_get_label(enum metric metric, unsigned int value);

/* The label value for a name ("accepted" → LABEL_HANDSHAKE_ACCEPTED), or -1; for names that arrive
 * as text. */
int metric_label_find(enum metric metric, struct span name);

/* Appends the metrics of `program` in the text exposition format 0.0.4. */
void metrics_write(enum program_id program, struct buffer *buffer);

/* Visits what is greater than 0 of `program`'s: each series under the name that metrics_write()
 * gives it (valid during the call), of histograms only _sum and _count. `per`: by what the amount
 * is divided to be in the unit of the name. */
typedef void metric_visit(void *context, struct span name, uint64_t amount, uint64_t per);
void metrics_visit(enum program_id program, metric_visit *visit, void *context);

/* Sets the gauges about the process itself (memory, descriptors, CPU, start); metrics_write's
 * caller asks for it first. */
void metrics_measure_process(void);

/* Writes docs/metrics.md. */
void metrics_write_docs(FILE *stream);

#endif
