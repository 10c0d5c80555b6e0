#include "clients/slip/figures.h"

#include <math.h>
#include <stdlib.h>

static const struct {
    const char *metric;
    const char *label;
    bool is_counter;
} figures[FIGURE_COUNT] = {
#define FIGURE(id, metric, label, is_counter) {metric, label, is_counter},
    FIGURES(FIGURE)
#undef FIGURE
};

static const char *const latencies[LATENCY_COUNT] = {
    [LATENCY_WEBHOOK] = "slip_webhook_duration_seconds_bucket",
    [LATENCY_DELIVERY] = "slip_publish_delivery_seconds_bucket",
};

const char *process_kind_name(enum process_kind kind)
{
    static const char *const names[] = {"edge", "router", "webhook-worker", "control", "unknown"};
    return names[kind];
}

static bool holds(struct span text, const char *part)
{
    return text.length > 0 && memmem(text.data, text.length, part, strlen(part)) != NULL;
}

/* le="0.5" */
static double bound_of(struct span labels)
{
    const char *at = labels.length > 0 ? memmem(labels.data, labels.length, "le=\"", 4) : NULL;
    return at && at[4] != '+' ? strtod(at + 4, NULL) : INFINITY;
}

static void add_bucket(struct buckets *buckets, double bound, double value)
{
    size_t i = 0;

    while (i < buckets->count && buckets->bounds[i] != bound)
        i++;
    if (i == BUCKETS_MAX)
        return;
    if (i == buckets->count) {
        buckets->bounds[i] = bound;
        buckets->values[i] = 0;
        buckets->count++;
    }
    buckets->values[i] += value;
}

static void take_sample(struct figures *into, struct span metric, struct span labels, double value)
{
    for (int i = 0; i < FIGURE_COUNT; i++) {
        if (!span_is(metric, figures[i].metric) ||
            (figures[i].label && !holds(labels, figures[i].label)))
            continue;
        into->values[i] += value;
        into->has[i] = true;
    }
    for (int i = 0; i < LATENCY_COUNT; i++)
        if (span_is(metric, latencies[i]))
            add_bucket(&into->latencies[i], bound_of(labels), value);
}

/* name{labels} value */
static void take_line(struct figures *into, struct span line)
{
    struct span rest = line, labels = {0}, metric;
    const char *brace = memchr(line.data, '{', line.length);

    if (brace) {
        metric = span_split(&rest, '{');
        labels = span_split(&rest, '}');
    } else {
        metric = span_split(&rest, ' ');
    }
    rest = span_trim(rest);
    if (rest.length == 0 || rest.length > 31)
        return;
    char number[32] = "";
    memcpy(number, rest.data, rest.length);
    take_sample(into, metric, labels, strtod(number, NULL));
}

static enum process_kind kind_of(const struct figures *of)
{
    if (of->has[FIGURE_TEXT_IN])
        return KIND_EDGE;
    if (of->has[FIGURE_JOBS_RETRYING])
        return KIND_ROUTER;
    if (of->has[FIGURE_WEBHOOKS])
        return KIND_WORKER;
    return of->has[FIGURE_REST] ? KIND_CONTROL : KIND_UNKNOWN;
}

void figures_read(struct span page, struct figures *ret_figures)
{
    *ret_figures = (struct figures){.kind = KIND_UNKNOWN};
    while (page.data) {
        struct span line = span_split(&page, '\n');
        if (line.length > 0 && line.data[0] != '#')
            take_line(ret_figures, line);
    }
    ret_figures->kind = kind_of(ret_figures);
}

void figures_since(const struct figures *now, const struct figures *before,
                   struct figures *ret_growth)
{
    bool is_same = before && before->values[FIGURE_STARTED] == now->values[FIGURE_STARTED];

    *ret_growth = *now;
    for (int i = 0; i < FIGURE_COUNT; i++)
        if (figures[i].is_counter)
            ret_growth->values[i] -= is_same ? before->values[i] : before ? 0 : now->values[i];
    for (int l = 0; l < LATENCY_COUNT; l++)
        for (size_t b = 0; b < now->latencies[l].count; b++)
            ret_growth->latencies[l].values[b] -= is_same  ? before->latencies[l].values[b]
                                                  : before ? 0
                                                           : now->latencies[l].values[b];
}

void figures_add(struct figures *sum, const struct figures *more)
{
    for (int i = 0; i < FIGURE_COUNT; i++) {
        /* Edges count a publish once more, each of them. */
        if (i == FIGURE_PUBLISHED && more->kind != KIND_CONTROL)
            continue;
        sum->values[i] += more->values[i];
        sum->has[i] |= more->has[i];
    }
    for (int l = 0; l < LATENCY_COUNT; l++)
        for (size_t b = 0; b < more->latencies[l].count; b++)
            add_bucket(&sum->latencies[l], more->latencies[l].bounds[b],
                       more->latencies[l].values[b]);
}

double figures_quantile(const struct buckets *buckets, double share)
{
    double total = buckets->count > 0 ? buckets->values[buckets->count - 1] : 0;
    double wanted = total * share, below = 0, low = 0;

    if (total <= 0)
        return -1;
    for (size_t i = 0; i < buckets->count; i++) {
        double inside = buckets->values[i] - below;
        if (buckets->values[i] >= wanted && inside > 0) {
            if (isinf(buckets->bounds[i]))
                return low;
            return low + (buckets->bounds[i] - low) * (wanted - below) / inside;
        }
        below = buckets->values[i];
        low = buckets->bounds[i];
    }
    return low;
}
