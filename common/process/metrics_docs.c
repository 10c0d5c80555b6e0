#include "common/process/metrics_table.h"

static void write_label(const struct metric_label *label, FILE *stream)
{
    if (!label->name)
        return;
    fprintf(stream, "`%s`: ", label->name);
    for (size_t i = 0; i < label->count; i++)
        fprintf(stream, "%s%s", i ? ", " : "", label->values[i]);
}

void metrics_write_docs(FILE *stream)
{
    fputs(
        "# Metrics\n\n"
        "`GET /metrics` on a program's `ADMIN_LISTEN` shows its own, in the text format of\n"
        "Prometheus. Labels have the closed lists of values given here; every series exists from\n"
        "the start, at 0.\n\n"
        "Generated from `common/process/metrics.def`; do not edit.\n\n"
        "| metric | kind | label | programs | meaning |\n"
        "|---|---|---|---|---|\n",
        stream);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_table[i];
        fprintf(stream, "| `slip_%s` | %s | ", row->name, metric_kind_name(row->kind));
        write_label(row->label, stream);
        fputs(" | ", stream);
        program_write_set(row->programs, stream);
        fprintf(stream, " | %s |\n", row->help);
    }
}
