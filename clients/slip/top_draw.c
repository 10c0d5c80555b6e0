#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "clients/slip/top.h"

enum { CHANNELS_READ = 1000, CHANNELS_SHOWN = 20 };

/* ---- numbers ---- */

static void append_scaled(struct buffer *text, double value, double step, const char *const *units,
                          size_t unit_count)
{
    size_t unit = 0;

    while (value >= step * 0.9995 && unit + 1 < unit_count) {
        value /= step;
        unit++;
    }
    if (value >= 99.95 || value == 0 || (unit == 0 && value == (double)(int64_t)value))
        buffer_append_format(text, "%.0f%s", value, units[unit]);
    else
        buffer_append_format(text, "%.1f%s", value, units[unit]);
}

void top_append_count(struct buffer *text, double count)
{
    static const char *const units[] = {"", "k", "M", "G"};
    append_scaled(text, count, 1000, units, ARRAY_LENGTH(units));
}

void top_append_bytes(struct buffer *text, double bytes)
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB"};
    append_scaled(text, bytes, 1000, units, ARRAY_LENGTH(units));
}

void top_append_seconds(struct buffer *text, double seconds)
{
    static const char *const units[] = {" µs", " ms", " s"};
    if (seconds < 0)
        buffer_append_byte(text, '-');
    else
        append_scaled(text, seconds * 1e6, 1000, units, ARRAY_LENGTH(units));
}

/* ---- lines ---- */

/* A line is built with its escape codes, and cut by its visible width. */
static void end_line(struct buffer *screen, const struct buffer *line, size_t width,
                     bool is_coloured)
{
    size_t used = 0;

    for (size_t i = 0; i < line->length;) {
        size_t length = 1;
        if (line->data[i] == '\033') {
            while (i + length < line->length && line->data[i + length - 1] != 'm')
                length++;
        } else {
            while (i + length < line->length &&
                   ((unsigned char)line->data[i + length] & 0xc0) == 0x80)
                length++;
            used += text_width(span_of(line->data + i, length));
            if (used > width)
                break;
        }
        buffer_append(screen, line->data + i, length);
        i += length;
    }
    buffer_append_text(screen, is_coloured ? "\033[0m\n" : "\n");
}

static void take_line(const struct top *top, struct buffer *screen, struct buffer *line)
{
    end_line(screen, line, top->width, top->tool->is_coloured);
    buffer_clear(line);
}

static double rate(const struct top *top, enum figure figure)
{
    const struct processes *processes = &top->processes;
    return processes->seconds > 0 ? processes->sum.values[figure] / processes->seconds : 0;
}

enum form { FORM_COUNT, FORM_BYTES };

/* "title value" in a column of its own. */
static void append_figure(const struct top *top, struct buffer *line, const char *title,
                          double value, enum form form, bool is_bad)
{
    struct buffer number = {0};

    if (form == FORM_BYTES)
        top_append_bytes(&number, value);
    else
        top_append_count(&number, value);
    buffer_append_format(line, "  %-11s %s%8.*s%s", title,
                         is_bad && value > 0 ? tool_color(top->tool, "bad")
                                             : tool_color(top->tool, "bold"),
                         SPAN_ARGS(buffer_span(&number)), tool_color(top->tool, "plain"));
    buffer_fini(&number);
}

static void append_latency(struct buffer *line, const char *title, const struct buckets *buckets,
                           double share)
{
    struct buffer number = {0};

    top_append_seconds(&number, figures_quantile(buckets, share));
    size_t pad = 8 - min_size(8, text_width(buffer_span(&number)));
    buffer_append_format(line, "  %-11s %*s%.*s", title, (int)pad, "",
                         SPAN_ARGS(buffer_span(&number)));
    buffer_fini(&number);
}

/* ---- the parts of the screen ---- */

static void draw_head(const struct top *top, struct buffer *screen, struct buffer *line)
{
    time_t now = time(NULL);
    char clock[16] = "";
    struct tm local;

    if (localtime_r(&now, &local))
        strftime(clock, sizeof clock, "%H:%M:%S", &local);
    buffer_append_format(line, "%s slip top %s  ", top->tool->is_coloured ? "\033[7m" : "",
                         tool_color(top->tool, "plain"));
    text_append_safe(line, span_text(top->tool->control_url));
    buffer_append_format(line, "  %s  every %g s%s", clock, (double)top->interval_ms / 1000,
                         top->is_paused ? "  paused" : "");
    take_line(top, screen, line);
}

static void draw_status(const struct top *top, struct buffer *screen, struct buffer *line)
{
    struct span status = span_of(top->status, top->status_length);

    if (!top->status) {
        struct buffer trouble = {0};
        tool_append_result(top->tool, &top->trouble, &trouble);
        buffer_append_text(line, tool_color(top->tool, "bad"));
        text_append_safe(line, buffer_span(&trouble));
        buffer_fini(&trouble);
        take_line(top, screen, line);
        return;
    }
    int64_t letters = document_integer(status, "deadLetters");
    buffer_append_format(
        line,
        "connections %s%" PRId64 "%s open, %" PRId64 " opening, %" PRId64
        " closing   channels %" PRId64 "   members %" PRId64 "   edges %" PRId64
        "   dead letters %s%" PRId64,
        tool_color(top->tool, "bold"), document_integer(status, "connections.open"),
        tool_color(top->tool, "plain"), document_integer(status, "connections.opening"),
        document_integer(status, "connections.closing"), document_integer(status, "channels"),
        document_integer(status, "subscriptions"), document_integer(status, "edges"),
        tool_color(top->tool, letters > 0 ? "bad" : "good"), letters);
    take_line(top, screen, line);
}

static void draw_rates(const struct top *top, struct buffer *screen, struct buffer *line)
{
    const struct figures *sum = &top->processes.sum;
    double failed = rate(top, FIGURE_WEBHOOKS) - rate(top, FIGURE_WEBHOOKS_OK);
    double refused = rate(top, FIGURE_HANDSHAKES) - rate(top, FIGURE_ACCEPTED);

    append_figure(top, line, "messages in", rate(top, FIGURE_TEXT_IN) + rate(top, FIGURE_BINARY_IN),
                  FORM_COUNT, false);
    append_figure(top, line, "webhooks", rate(top, FIGURE_WEBHOOKS), FORM_COUNT, false);
    append_figure(top, line, "publishes", rate(top, FIGURE_PUBLISHED), FORM_COUNT, false);
    take_line(top, screen, line);
    append_figure(top, line, "  out", rate(top, FIGURE_TEXT_OUT) + rate(top, FIGURE_BINARY_OUT),
                  FORM_COUNT, false);
    append_figure(top, line, "  failed", failed, FORM_COUNT, true);
    append_figure(top, line, "deliveries", rate(top, FIGURE_DELIVERIES), FORM_COUNT, false);
    take_line(top, screen, line);
    append_figure(top, line, "bytes in", rate(top, FIGURE_BYTES_IN), FORM_BYTES, false);
    append_latency(line, "  p50", &sum->latencies[LATENCY_WEBHOOK], 0.5);
    append_latency(line, "  p50", &sum->latencies[LATENCY_DELIVERY], 0.5);
    take_line(top, screen, line);
    append_figure(top, line, "  out", rate(top, FIGURE_BYTES_OUT), FORM_BYTES, false);
    append_latency(line, "  p99", &sum->latencies[LATENCY_WEBHOOK], 0.99);
    append_latency(line, "  p99", &sum->latencies[LATENCY_DELIVERY], 0.99);
    take_line(top, screen, line);
    append_figure(top, line, "connects", rate(top, FIGURE_ACCEPTED), FORM_COUNT, false);
    append_figure(top, line, "  refused", refused, FORM_COUNT, true);
    append_figure(top, line, "closes", rate(top, FIGURE_CLOSES), FORM_COUNT, false);
    take_line(top, screen, line);
    append_figure(top, line, "waiting for the backend: events", sum->values[FIGURE_EVENTS_QUEUED],
                  FORM_COUNT, false);
    append_figure(top, line, "retrying", sum->values[FIGURE_JOBS_RETRYING], FORM_COUNT, true);
    append_figure(top, line, "for clients", sum->values[FIGURE_SEND_QUEUED], FORM_BYTES, false);
    take_line(top, screen, line);
}

/* What tells most about its kind. */
static void describe(const struct process *process, double seconds, struct buffer *text)
{
    const double *v = process->growth.values;
    double s = seconds > 0 ? seconds : 1;

    switch (process->growth.kind) {
    case KIND_EDGE:
        buffer_append_format(text, "%.0f connections, ", v[FIGURE_CONNECTIONS]);
        top_append_count(text, (v[FIGURE_TEXT_IN] + v[FIGURE_BINARY_IN]) / s);
        buffer_append_text(text, "/s in, ");
        top_append_count(text, (v[FIGURE_TEXT_OUT] + v[FIGURE_BINARY_OUT]) / s);
        buffer_append_text(text, "/s out");
        break;
    case KIND_ROUTER:
        buffer_append_format(text, "%.0f jobs in flight, %.0f waiting, %.0f retrying%s",
                             v[FIGURE_JOBS_IN_FLIGHT], v[FIGURE_JOBS_WAITING],
                             v[FIGURE_JOBS_RETRYING],
                             v[FIGURE_DATABASE] > 0 ? "" : ", no PostgreSQL");
        break;
    case KIND_WORKER:
        top_append_count(text, v[FIGURE_WEBHOOKS] / s);
        buffer_append_format(text, "/s requests, %.0f in flight%s", v[FIGURE_JOBS_IN_FLIGHT],
                             v[FIGURE_BREAKER] > 0 ? ", the target is down" : "");
        break;
    case KIND_CONTROL:
        top_append_count(text, v[FIGURE_REST] / s);
        buffer_append_text(text, "/s REST, ");
        top_append_count(text, v[FIGURE_PUBLISHED] / s);
        buffer_append_format(text, "/s publishes%s",
                             v[FIGURE_DATABASE] > 0 ? "" : ", no PostgreSQL");
        break;
    case KIND_UNKNOWN:
    default:
        buffer_append_byte(text, '-');
    }
}

static void add_process(struct grid *grid, const struct process *process, double seconds)
{
    struct buffer text = {0};

    grid_add(grid, span_text(process->is_up ? process_kind_name(process->now.kind) : "down"));
    grid_add(grid, span_text(process->where));
    buffer_append_format(&text, "%.0f %%",
                         seconds > 0 ? process->growth.values[FIGURE_CPU] / seconds * 100 : 0);
    grid_add(grid, process->is_up ? buffer_span(&text) : span_text(""));
    buffer_clear(&text);
    top_append_bytes(&text, process->growth.values[FIGURE_RESIDENT]);
    grid_add(grid, process->is_up ? buffer_span(&text) : span_text(""));
    buffer_clear(&text);
    buffer_append_format(&text, "%.0f", process->growth.values[FIGURE_LINKS]);
    grid_add(grid, process->is_up ? buffer_span(&text) : span_text(""));
    buffer_clear(&text);
    describe(process, seconds, &text);
    grid_add(grid, process->is_up ? buffer_span(&text) : span_text("does not answer"));
    buffer_fini(&text);
}

static void draw_processes(const struct top *top, struct buffer *screen)
{
    static const struct table_column columns[] = {
        {"PROCESS", false, false}, {"WHERE", false, true}, {"CPU", true, false},
        {"MEMORY", true, false},   {"LINKS", true, false}, {"DOES", false, true},
    };
    const struct processes *processes = &top->processes;
    struct grid grid;

    grid_init(&grid, columns, ARRAY_LENGTH(columns));
    for (enum process_kind kind = KIND_EDGE; kind <= KIND_UNKNOWN; kind++)
        for (size_t i = 0; i < processes->count; i++)
            if (processes->items[i].now.kind == kind ||
                (kind == KIND_UNKNOWN && !processes->items[i].is_up &&
                 processes->items[i].now.kind > kind))
                add_process(&grid, &processes->items[i], processes->seconds);
    buffer_append_byte(screen, '\n');
    grid_append(&grid, screen, top->width, top->tool->is_coloured);
    grid_fini(&grid);
}

struct listed {
    struct span item;
    int64_t members;
    size_t place; /* by name */
};

static int compare_members(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;

    if (a->members != b->members)
        return a->members > b->members ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

/* REST lists by name. */
static size_t list_channels(const struct top *top, struct listed *listed, size_t room)
{
    struct document_items items;
    size_t count = 0;

    document_items_init(&items, span_of(top->channels, top->channels_length), "items");
    while (count < room && document_items_next(&items, &listed[count].item)) {
        listed[count].members = document_integer(listed[count].item, "members");
        listed[count].place = count;
        count++;
    }
    if (!top->is_by_name)
        qsort(listed, count, sizeof *listed, compare_members);
    return min_size(count, CHANNELS_SHOWN);
}

static void draw_channels(const struct top *top, struct buffer *screen)
{
    static const struct table_column columns[] = {{"MEMBERS", true, false},
                                                  {"CHANNEL", false, true}};
    struct listed listed[CHANNELS_READ];
    struct grid grid;

    if (!top->channels)
        return;
    size_t count = list_channels(top, listed, CHANNELS_READ);
    grid_init(&grid, columns, ARRAY_LENGTH(columns));
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0};
        document_append_text(listed[i].item, "members", &text);
        grid_add(&grid, buffer_span(&text));
        buffer_clear(&text);
        document_append_text(listed[i].item, "channel", &text);
        grid_add(&grid, text.length ? buffer_span(&text) : span_text("-"));
        buffer_fini(&text);
    }
    buffer_append_byte(screen, '\n');
    grid_append(&grid, screen, top->width, top->tool->is_coloured);
    grid_fini(&grid);
}

static void cut_lines(struct buffer *screen, size_t height)
{
    for (size_t i = 0; i < screen->length; i++) {
        if (screen->data[i] == '\n' && --height == 0) {
            screen->length = i + 1;
            return;
        }
    }
}

void top_draw(const struct top *top, struct buffer *screen)
{
    struct buffer line = {0};

    draw_head(top, screen, &line);
    draw_status(top, screen, &line);
    if (top->processes.count > 0) {
        buffer_append_text(screen, "\nper second\n");
        draw_rates(top, screen, &line);
        draw_processes(top, screen);
    } else {
        buffer_append_text(&line,
                           "\nFor rates and processes: set SLIP_METRICS, or give --metrics URL,…");
        take_line(top, screen, &line);
    }
    draw_channels(top, screen);
    cut_lines(screen, top->height);
    buffer_fini(&line);
}

/* ---- JSON ---- */

static void append_number(struct buffer *text, const char *name, double value)
{
    buffer_append_format(text, ",\"%s\":%.6g", name, value);
}

static void append_quantiles(struct buffer *text, const char *name, const struct buckets *buckets)
{
    double p50 = figures_quantile(buckets, 0.5), p99 = figures_quantile(buckets, 0.99);

    if (p50 < 0)
        buffer_append_format(text, ",\"%s\":null", name);
    else
        buffer_append_format(text, ",\"%s\":{\"p50\":%.6g,\"p99\":%.6g}", name, p50, p99);
}

static void append_processes(const struct processes *processes, struct buffer *text)
{
    double s = processes->seconds > 0 ? processes->seconds : 1;

    buffer_append_text(text, ",\"processes\":[");
    for (size_t i = 0; i < processes->count; i++) {
        const struct process *process = &processes->items[i];
        buffer_append_format(text, "%s{\"kind\":\"%s\",\"where\":", i > 0 ? "," : "",
                             process_kind_name(process->now.kind));
        json_append_foreign(text, span_text(process->where));
        buffer_append_format(text, ",\"up\":%s", process->is_up ? "true" : "false");
        if (process->is_up) {
            append_number(text, "cpu", process->growth.values[FIGURE_CPU] / s);
            append_number(text, "memory", process->growth.values[FIGURE_RESIDENT]);
            append_number(text, "links", process->growth.values[FIGURE_LINKS]);
        }
        buffer_append_byte(text, '}');
    }
    buffer_append_byte(text, ']');
}

void top_append_json(const struct top *top, struct buffer *text)
{
    struct span channels = span_text("[]");
    const struct figures *sum = &top->processes.sum;

    buffer_append_text(text, "{\"status\":");
    buffer_append_span(text,
                       top->status ? span_of(top->status, top->status_length) : span_text("null"));
    append_number(text, "messagesIn", rate(top, FIGURE_TEXT_IN) + rate(top, FIGURE_BINARY_IN));
    append_number(text, "messagesOut", rate(top, FIGURE_TEXT_OUT) + rate(top, FIGURE_BINARY_OUT));
    append_number(text, "bytesIn", rate(top, FIGURE_BYTES_IN));
    append_number(text, "bytesOut", rate(top, FIGURE_BYTES_OUT));
    append_number(text, "publishes", rate(top, FIGURE_PUBLISHED));
    append_number(text, "deliveries", rate(top, FIGURE_DELIVERIES));
    append_number(text, "connects", rate(top, FIGURE_ACCEPTED));
    append_number(text, "closes", rate(top, FIGURE_CLOSES));
    append_number(text, "webhooks", rate(top, FIGURE_WEBHOOKS));
    append_number(text, "webhooksFailed",
                  rate(top, FIGURE_WEBHOOKS) - rate(top, FIGURE_WEBHOOKS_OK));
    append_quantiles(text, "webhookSeconds", &sum->latencies[LATENCY_WEBHOOK]);
    append_quantiles(text, "deliverySeconds", &sum->latencies[LATENCY_DELIVERY]);
    append_processes(&top->processes, text);
    if (top->channels)
        (void)!document_find(span_of(top->channels, top->channels_length), "items", &channels);
    buffer_append_text(text, ",\"channels\":");
    buffer_append_span(text, channels);
    buffer_append_text(text, "}\n");
}
