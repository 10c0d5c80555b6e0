/* What passed between two moments: time, the broker's CPU time, our own. */
#ifndef SLIP_BENCH_METER_H
#define SLIP_BENCH_METER_H

#include "tests/bench/processes.h"

struct meter {
    struct processes *processes;
    struct processes before;
    uint64_t began_ns;
    uint64_t own_before_us;
    /* After meter_stop(): */
    double seconds;
    double broker_cpu_us;
    double own_cpu_us;
};

void meter_start(struct meter *meter, struct processes *processes);
void meter_stop(struct meter *meter);

/* seconds; messages_per_s; broker's CPU time for a message, also by process; own for a message. */
void meter_report(const struct meter *meter, double messages);

#endif
