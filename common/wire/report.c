#include "common/wire/report.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/process/metrics.h"

enum { FIGURES_MAX = 4096 }; /* as messages.def has it */

struct draft {
    struct record_figure *figures;
    size_t count;
    struct buffer names; /* what the figures' names point into, when all are there */
};

static void add_figure(void *context, struct span name, uint64_t amount, uint64_t per)
{
    struct draft *draft = context;
    if (draft->count == FIGURES_MAX)
        return;
    draft->figures[draft->count++] =
        (struct record_figure){.name = span_of(NULL, name.length), .amount = amount, .per = per};
    buffer_append_span(&draft->names, name);
}

/* Only now does the buffer stay where it is. */
static void point_names(struct draft *draft)
{
    const char *at = draft->names.data;
    for (size_t i = 0; i < draft->count; i++) {
        draft->figures[i].name.data = at;
        at += draft->figures[i].name.length;
    }
}

static const char *role_of(enum program_id program)
{
    return program_name(program) + strlen("slip-");
}

void report_put(struct buffer *packet, enum program_id program, struct span name,
                const struct message_measure *measure, struct record_peer_list peers)
{
    struct draft draft = {.figures = xcalloc(FIGURES_MAX, sizeof *draft.figures)};
    metrics_measure_process();
    metrics_visit(program, add_figure, &draft);
    point_names(&draft);
    const struct message_report report = {
        .round = measure->round,
        .control = measure->control,
        .role = span_text(role_of(program)),
        .name = name,
        .version = span_text(SLIP_VERSION),
        .clock_us = (uint64_t)clock_monotonic_us(),
        .figures = {.items = draft.figures, .count = draft.count},
        .peers = peers,
    };
    wire_put_report(packet, &report);
    free(draft.figures);
    buffer_fini(&draft.names);
}
