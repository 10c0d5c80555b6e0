#include <stdio.h>

#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/report.h"

static void on_message(struct client *client, struct span data)
{
    fail("client %u got a message that nobody sent: %.*s", client->number, SPAN_ARGS(data));
}

void mode_connects(const struct options *options, struct processes *processes)
{
    struct meter meter;
    crowd_init(options, on_message);
    meter_start(&meter, processes);
    crowd_open();
    meter_stop(&meter);
    report_begin();
    meter_report(&meter, (double)crowd.open);
    report_number("refused", crowd.refused);
    report_number("lost", crowd.lost);
    report_latency("handshake", &crowd.handshakes);
    report_end();
}

static void report_growth(const struct processes *before, const struct processes *after)
{
    double bytes = (double)processes_pss_bytes(after) - (double)processes_pss_bytes(before);
    report_number("bytes_per_connection", bytes / crowd.open);
    for (size_t i = 0; i < after->count; i++) {
        char name[64];
        double grown = (double)after->items[i].pss_bytes - (double)before->items[i].pss_bytes;
        snprintf(name, sizeof name, "bytes_%s_%d", after->items[i].name, after->items[i].pid);
        report_number(name, grown / crowd.open);
    }
}

void mode_idle(const struct options *options, struct processes *processes)
{
    struct meter meter;
    crowd_init(options, on_message);
    processes_read_memory(processes);
    struct processes before = *processes;
    crowd_open();
    crowd_run_for(options->warmup);
    processes_read_memory(processes);
    struct processes after = *processes;
    meter_start(&meter, processes);
    crowd_run_for(options->seconds);
    meter_stop(&meter);
    report_begin();
    report_number("connections", crowd.open);
    report_growth(&before, &after);
    report_memory("memory", &after);
    report_number("broker_cores", meter.broker_cpu_us / 1e6 / meter.seconds);
    report_end();
}
