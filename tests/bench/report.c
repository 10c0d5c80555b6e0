#include "tests/bench/report.h"

#include <stdio.h>

static const char *separator = "";

void report_begin(void)
{
    separator = "";
    putchar('{');
}

void report_number(const char *name, double value)
{
    printf("%s\"%s\":%.10g", separator, name, value);
    separator = ",";
}

void report_latency(const char *name, const struct histogram *histogram)
{
    static const struct {
        const char *suffix;
        double share;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s_%s_us", name, points[i].suffix);
        report_number(full, (double)histogram_at(histogram, points[i].share) / 1e3);
    }
}

void report_memory(const char *name, const struct processes *processes)
{
    printf("%s\"%s\":[", separator, name);
    separator = ",";
    for (size_t i = 0; i < processes->count; i++)
        printf("%s{\"name\":\"%s\",\"pss_bytes\":%llu}", i ? "," : "", processes->items[i].name,
               (unsigned long long)processes->items[i].pss_bytes);
    putchar(']');
}

void report_end(void)
{
    puts("}");
    fflush(stdout);
}
