/* The result of a run: one JSON object on a line of standard output. */
#ifndef SLIP_BENCH_REPORT_H
#define SLIP_BENCH_REPORT_H

#include "tests/bench/histogram.h"
#include "tests/bench/processes.h"

void report_begin(void);
void report_number(const char *name, double value);

/* Percentiles in microseconds: NAME_p50, _p99, _p999, _max. */
void report_latency(const char *name, const struct histogram *histogram);

/* [{"name": …, "pss_bytes": …}, …] */
void report_memory(const char *name, const struct processes *processes);

/* Closes the object and flushes. */
void report_end(void);

#endif
