#include <inttypes.h>

#include "common/process/metrics_table.h"

/* A number in the unit that is shown: whole, or seconds with the microseconds that matter. */
static void write_amount(enum metric_unit unit, int64_t amount, struct buffer *buffer)
{
    if (unit != METRIC_SECONDS) {
        buffer_append_format(buffer, "%" PRId64, amount);
        return;
    }
    uint64_t size = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
    buffer_append_format(buffer, "%s%" PRIu64, amount < 0 ? "-" : "", size / 1000000);
    uint64_t fraction = size % 1000000;
    int digits = 6;
    while (digits > 0 && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    if (digits > 0)
        buffer_append_format(buffer, ".%0*" PRIu64, digits, fraction);
}

/* slip_name_suffix{label="value",le="bound"} */
static void write_name(const struct metric_row *row, size_t value, const char *suffix,
                       struct span bound, struct buffer *buffer)
{
    const struct metric_label *label = row->label;
    buffer_append_format(buffer, "slip_%s%s", row->name, suffix);
    if (label->name || bound.length)
        buffer_append_byte(buffer, '{');
    if (label->name)
        buffer_append_format(buffer, "%s=\"%s\"", label->name, label->values[value]);
    if (label->name && bound.length)
        buffer_append_byte(buffer, ',');
    if (bound.length)
        buffer_append_format(buffer, "le=\"%.*s\"", SPAN_ARGS(bound));
    if (label->name || bound.length)
        buffer_append_byte(buffer, '}');
}

static void write_histogram(const struct metric_row *row, size_t value, const int64_t *series,
                            struct buffer *buffer)
{
    struct buffer bound = {0};
    int64_t count = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        count += series[i];
        buffer_clear(&bound);
        if (i < METRIC_BUCKETS - 1)
            write_amount(row->unit, metric_bounds[row->unit][i], &bound);
        else
            buffer_append_text(&bound, "+Inf");
        write_name(row, value, "_bucket", buffer_span(&bound), buffer);
        buffer_append_format(buffer, " %" PRId64 "\n", count);
    }
    buffer_fini(&bound);
    write_name(row, value, "_sum", span_text(NULL), buffer);
    buffer_append_byte(buffer, ' ');
    write_amount(row->unit, series[METRIC_BUCKETS], buffer);
    buffer_append_byte(buffer, '\n');
    write_name(row, value, "_count", span_text(NULL), buffer);
    buffer_append_format(buffer, " %" PRId64 "\n", count);
}

static void write_metric(enum metric metric, struct buffer *buffer)
{
    const struct metric_row *row = &metric_table[metric];
    buffer_append_format(buffer, "# HELP slip_%s %s\n# TYPE slip_%s %s\n", row->name, row->help,
                         row->name, metric_kind_name(row->kind));
    for (unsigned int value = 0; value < row->label->count; value++) {
        const int64_t *series = metric_series(metric, value);
        if (row->kind == METRIC_HISTOGRAM) {
            write_histogram(row, value, series, buffer);
            continue;
        }
        write_name(row, value, "", span_text(NULL), buffer);
        buffer_append_byte(buffer, ' ');
        write_amount(row->unit, *series, buffer);
        buffer_append_byte(buffer, '\n');
    }
}

void metrics_write(enum program_id program, struct buffer *buffer)
{
    for (unsigned int metric = 0; metric < METRIC_COUNT; metric++)
        if (metric_table[metric].programs & program)
            write_metric(metric, buffer);
}

/* ---- for whoever wants them as numbers ---- */

struct visitor {
    metric_visit *visit;
    void *context;
    struct buffer name;
};

static void visit_one(struct visitor *visitor, const struct metric_row *row, unsigned int value,
                      const char *suffix, int64_t amount, enum metric_unit unit)
{
    if (amount <= 0)
        return;
    buffer_clear(&visitor->name);
    write_name(row, value, suffix, span_text(NULL), &visitor->name);
    visitor->visit(visitor->context, buffer_span(&visitor->name), (uint64_t)amount,
                   unit == METRIC_SECONDS ? 1000000 : 1);
}

static void visit_series(struct visitor *visitor, enum metric metric, unsigned int value)
{
    const struct metric_row *row = &metric_table[metric];
    const int64_t *series = metric_series(metric, value);
    if (row->kind != METRIC_HISTOGRAM) {
        visit_one(visitor, row, value, "", *series, row->unit);
        return;
    }
    visit_one(visitor, row, value, "_sum", series[METRIC_BUCKETS], row->unit);
    visit_one(visitor, row, value, "_count", metric_get_label(metric, value), METRIC_ONE);
}

void metrics_visit(enum program_id program, metric_visit *visit, void *context)
{
    struct visitor visitor = {.visit = visit, .context = context};
    for (unsigned int metric = 0; metric < METRIC_COUNT; metric++)
        for (unsigned int value = 0; value < metric_table[metric].label->count; value++)
            if (metric_table[metric].programs & program)
                visit_series(&visitor, metric, value);
    buffer_fini(&visitor.name);
}
