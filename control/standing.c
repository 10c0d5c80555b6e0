/* What the roll says becomes of the edges. */
#include "common/process/log.h"
#include "control/control.h"

/* An edge that still talks is told by its router that it is dead, and leaves by itself. */
static void bury(struct control *control, struct edge *edge)
{
    log_info("edge is dead", LOG_SPAN("edge", span_of(edge->id, EDGE_ID_LENGTH)),
             LOG_UINT("commands", edge->outbox.waiting));
    edge_bury(&control->edges, edge, loop_now_ms(control->loop));
    watch_edge_left(&control->watches, edge);
    if (edge->link && link_silent_ms(edge->link) >= control->config->peer_timeout_ms / 2)
        link_drop(edge->link);
}

void control_apply_roll(struct control *control)
{
    for (const struct roll_edge *word = roll_first(&control->roll); word;
         word = roll_next(&control->roll, word)) {
        struct span id = span_of(word->id, EDGE_ID_LENGTH);
        struct edge *edge = edge_set_find(&control->edges, id);
        if (!word->is_dead) {
            edge_set_on_roll(&control->edges, edge_set_get(&control->edges, id), true);
        } else if (edge && !edge->is_gone) {
            bury(control, edge);
        }
    }
    EDGE_SET_FOR_EACH(&control->edges, edge) {
        struct span id = span_of(edge->id, EDGE_ID_LENGTH);
        if (edge->is_on_roll && roll_standing(&control->roll, id) != ROLL_LIVE)
            edge_set_on_roll(&control->edges, edge, false);
    }
    control_warm_up(control);
}
