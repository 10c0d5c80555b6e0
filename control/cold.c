#include "common/process/log.h"
#include "control/control.h"

static bool is_heard(const struct control *control, const char id[EDGE_ID_LENGTH])
{
    const struct edge *edge = edge_set_find(&control->edges, span_of(id, EDGE_ID_LENGTH));
    return edge && edge->is_announced;
}

static bool is_heard_from_all_on_roll(const struct control *control)
{
    for (const struct roll_edge *edge = roll_first(&control->roll); edge;
         edge = roll_next(&control->roll, edge))
        if (!edge->is_dead && !is_heard(control, edge->id))
            return false;
    return true;
}

/* An edge at home with a router whose list has not come yet is only in the table. */
static bool is_heard_from_all_in_census(const struct control *control)
{
    for (size_t i = 0; i < control->census.live_count; i++) {
        const struct census_row *row = &control->census.live[i];
        struct span id = span_of(row->edge, EDGE_ID_LENGTH);
        if (roll_standing(&control->roll, id) == ROLL_UNKNOWN && !is_heard(control, row->edge) &&
            !roll_has_router(&control->roll, span_text(row->router)))
            return false;
    }
    return true;
}

/* NULL: nothing. */
static const char *what_is_missing(const struct control *control)
{
    bool is_young =
        loop_now_ms(control->loop) - control->started_ms < control->config->peer_timeout_ms;

    if (roll_router_count(&control->roll) == 0)
        return "no roll of edges yet";
    if (!is_heard_from_all_on_roll(control))
        return "an edge has not announced its channels yet";
    if (is_young && !control->census.has_answer)
        return "the table edges was not read yet";
    if (is_young && !is_heard_from_all_in_census(control))
        return "a router has not sent its roll yet";
    return NULL;
}

void control_warm_up(struct control *control)
{
    if (control->requests.is_warm || what_is_missing(control))
        return;
    log_info("warm: all edges are known", LOG_UINT("edges", control->roll.live_count),
             LOG_UINT("waiting", control->requests.count));
    request_set_warm(&control->requests);
    lifecycle_ready(control->lifecycle);
}

const char *control_cold_reason(const struct control *control)
{
    if (control->requests.is_warm)
        return NULL;
    const char *reason = what_is_missing(control);
    return reason ? reason : "about to begin";
}
