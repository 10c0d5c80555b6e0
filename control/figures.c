#include "control/figures.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "common/text/json.h"
#include "common/wire/report.h"
#include "control/control.h"

enum { ROUND_MS = 1000 };

/* A process of this round. */
struct process {
    struct table_link link;
    char *role;
    bool is_awaited;
    struct buffer report; /* JSON members, empty until it has reported */
    char name[];          /* with a NUL */
};

static struct process *process_of(struct figures *figures, struct span role, struct span name)
{
    struct table_link *found = table_find(&figures->processes, name);
    if (found)
        return TABLE_ENTRY(found, struct process, link);
    struct process *process = xcalloc(1, sizeof *process + name.length + 1);
    process->role = span_dup(role);
    memcpy(process->name, name.data, name.length);
    table_insert(&figures->processes, &process->link, span_of(process->name, name.length));
    return process;
}

static void await(struct figures *figures, struct process *process)
{
    if (process->is_awaited || process->report.length > 0)
        return;
    process->is_awaited = true;
    figures->awaited++;
}

static void no_longer_await(struct figures *figures, struct process *process)
{
    figures->awaited -= process->is_awaited;
    process->is_awaited = false;
}

static void forget_processes(struct figures *figures)
{
    TABLE_FOR_EACH(&figures->processes, link) {
        struct process *process = TABLE_ENTRY(link, struct process, link);
        table_remove(&figures->processes, &process->link);
        free(process->role);
        buffer_fini(&process->report);
        free(process);
    }
    figures->awaited = 0;
}

/* ---- the answer ---- */

struct place {
    const struct process *process;
};

/* By role, then by name. */
static int compare(const void *left, const void *right)
{
    const struct process *a = ((const struct place *)left)->process;
    const struct process *b = ((const struct place *)right)->process;
    int order = strcmp(a->role, b->role);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static void append_process(struct buffer *body, const struct process *process)
{
    buffer_append_text(body, "{\"role\":");
    json_append_foreign(body, span_text(process->role));
    buffer_append_text(body, ",\"name\":");
    json_append_foreign(body, span_text(process->name));
    if (process->report.length > 0)
        buffer_append_span(body, buffer_span(&process->report));
    else
        buffer_append_text(body, ",\"version\":null,\"clock\":null,\"metrics\":null,\"links\":[]");
    buffer_append_byte(body, '}');
}

static void append_answer(const struct figures *figures, struct buffer *body)
{
    struct place *sorted = xcalloc(figures->processes.count, sizeof *sorted);
    size_t count = 0;
    TABLE_FOR_EACH(&figures->processes, link)
        sorted[count++].process = TABLE_ENTRY(link, struct process, link);
    qsort(sorted, count, sizeof *sorted, compare);
    buffer_append_text(body, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(body, ',');
        append_process(body, sorted[i].process);
    }
    buffer_append_text(body, "]}");
    free(sorted);
}

static void finish(struct figures *figures)
{
    struct buffer body = {0};
    append_answer(figures, &body);
    loop_timer_stop(figures->control->loop, &figures->limit);
    forget_processes(figures);
    while (!list_is_empty(&figures->calls)) {
        struct rest_call *call = LIST_FIRST(&figures->calls, struct rest_call, in_round);
        list_remove(&call->in_round);
        rest_answer_json(call, 200, buffer_span(&body));
    }
    buffer_fini(&body);
}

static void on_limit(struct loop_timer *timer)
{
    finish(CONTAINER_OF(timer, struct figures, limit));
}

static void finish_if_complete(struct figures *figures)
{
    if (figures->awaited == 0)
        finish(figures);
}

/* ---- a report ---- */

static void append_amount(struct buffer *buffer, const struct record_figure *figure)
{
    uint64_t per = figure->per;
    if (per <= 1)
        buffer_append_format(buffer, "%" PRIu64, figure->amount);
    else
        buffer_append_format(buffer, "%" PRIu64 ".%06" PRIu64, figure->amount / per,
                             figure->amount % per * (1000000 / per));
}

static void append_report(struct buffer *buffer, const struct message_report *report)
{
    buffer_append_text(buffer, ",\"version\":");
    json_append_foreign(buffer, report->version);
    buffer_append_format(buffer, ",\"clock\":%" PRIu64 ".%06" PRIu64 ",\"metrics\":{",
                         report->clock_us / 1000000, report->clock_us % 1000000);
    for (size_t i = 0; i < report->figures.count; i++) {
        if (i > 0)
            buffer_append_byte(buffer, ',');
        json_append_foreign(buffer, report->figures.items[i].name);
        buffer_append_byte(buffer, ':');
        append_amount(buffer, &report->figures.items[i]);
    }
    buffer_append_text(buffer, "},\"links\":[");
    for (size_t i = 0; i < report->peers.count; i++) {
        const struct record_peer *peer = &report->peers.items[i];
        buffer_append_text(buffer, i > 0 ? ",{\"role\":" : "{\"role\":");
        json_append_foreign(buffer, peer->role);
        buffer_append_text(buffer, ",\"name\":");
        json_append_foreign(buffer, peer->name);
        buffer_append_format(buffer, ",\"silentMs\":%" PRIu64 ",\"bufferedBytes\":%" PRIu64 "}",
                             peer->silent_ms, peer->buffered_bytes);
    }
    buffer_append_byte(buffer, ']');
}

/* Whom it is linked to is there as well; a router that a worker is linked to will be heard of. */
static void take_peers(struct figures *figures, const struct message_report *report)
{
    bool is_worker = span_is(report->role, "webhook-worker");
    for (size_t i = 0; i < report->peers.count; i++) {
        const struct record_peer *peer = &report->peers.items[i];
        struct process *process = process_of(figures, peer->role, peer->name);
        if (is_worker && span_is(peer->role, "router"))
            await(figures, process);
    }
}

void figures_report(struct figures *figures, const struct message_report *report)
{
    if (list_is_empty(&figures->calls) || report->round != figures->round)
        return;
    struct process *process = process_of(figures, report->role, report->name);
    no_longer_await(figures, process);
    if (process->report.length > 0)
        return;
    append_report(&process->report, report);
    take_peers(figures, report);
    finish_if_complete(figures);
}

void figures_unlinked(struct figures *figures, struct span name)
{
    struct table_link *found = table_find(&figures->processes, name);
    if (!found || list_is_empty(&figures->calls))
        return;
    no_longer_await(figures, TABLE_ENTRY(found, struct process, link));
    finish_if_complete(figures);
}

/* ---- a round ---- */

static void report_self(struct figures *figures, const struct message_measure *measure)
{
    struct control *control = figures->control;
    struct wire_decoder decoder;
    struct wire_message message;
    struct buffer packet = {0};
    control_measure(control);
    report_put(&packet, PROGRAM_CONTROL, span_text(control->name), measure,
               (struct record_peer_list){0});
    struct span rest = buffer_span(&packet);
    wire_decoder_init(&decoder);
    int rc = wire_decode_next(&decoder, &rest, &message);
    ASSERT(rc == 0);
    struct process *self = process_of(figures, message.as.report.role, message.as.report.name);
    append_report(&self->report, &message.as.report);
    wire_decoder_fini(&decoder);
    buffer_fini(&packet);
}

/* Edges that the roll has and that are not linked here are shown without figures. */
static void list_edges(struct figures *figures)
{
    EDGE_SET_FOR_EACH(&figures->control->edges, edge)
        if (edge->is_on_roll && !edge->link)
            process_of(figures, span_text("edge"), span_of(edge->id, EDGE_ID_LENGTH));
}

static void begin(struct figures *figures)
{
    struct control *control = figures->control;
    const struct message_measure measure = {.round = ++figures->round,
                                            .control = span_text(control->name)};
    for (struct link *link = link_set_first(control->links); link;
         link = link_set_next(control->links, link)) {
        await(figures, process_of(figures, link_peer_role(link), link_peer_name(link)));
        wire_put_measure(link_packet(link), &measure);
    }
    list_edges(figures);
    report_self(figures, &measure);
    loop_timer_start(control->loop, &figures->limit, ROUND_MS);
}

void figures_ask(struct figures *figures, struct rest_call *call)
{
    bool is_first = list_is_empty(&figures->calls);
    if (is_first)
        forget_processes(figures);
    list_append(&figures->calls, &call->in_round);
    if (!is_first)
        return;
    begin(figures);
    finish_if_complete(figures);
}

/* ---- life ---- */

void figures_init(struct figures *figures, struct control *control)
{
    *figures = (struct figures){.control = control};
    figures->round = random_nonzero_u64() >> 1;
    list_init(&figures->calls);
    table_init(&figures->processes);
    loop_timer_init(&figures->limit, on_limit);
}

void figures_fini(struct figures *figures)
{
    loop_timer_stop(figures->control->loop, &figures->limit);
    forget_processes(figures);
    table_fini(&figures->processes);
}
