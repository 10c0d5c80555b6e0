#include "tests/bench/meter.h"

#include <stdio.h>

#include "tests/bench/poller.h"
#include "tests/bench/report.h"

void meter_start(struct meter *meter, struct processes *processes)
{
    processes_read_cpu(processes);
    *meter = (struct meter){.processes = processes, .before = *processes};
    meter->own_before_us = processes_own_cpu_us();
    meter->began_ns = poller_now_ns();
}

void meter_stop(struct meter *meter)
{
    meter->seconds = (double)(poller_now_ns() - meter->began_ns) / 1e9;
    meter->own_cpu_us = (double)(processes_own_cpu_us() - meter->own_before_us);
    processes_read_cpu(meter->processes);
    meter->broker_cpu_us =
        (double)(processes_cpu_us(meter->processes) - processes_cpu_us(&meter->before));
}

void meter_report(const struct meter *meter, double messages)
{
    report_number("seconds", meter->seconds);
    report_number("messages", messages);
    report_number("messages_per_s", messages / meter->seconds);
    report_number("broker_cpu_us", meter->broker_cpu_us / messages);
    report_number("broker_cores", meter->broker_cpu_us / 1e6 / meter->seconds);
    report_number("client_cpu_us", meter->own_cpu_us / messages);
    for (size_t i = 0; i < meter->processes->count; i++) {
        const struct process *now = &meter->processes->items[i];
        char name[64];
        snprintf(name, sizeof name, "cpu_us_%s_%d", now->name, now->pid);
        report_number(name, (double)(now->cpu_us - meter->before.items[i].cpu_us) / messages);
    }
}
