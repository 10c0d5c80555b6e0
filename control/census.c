#include "control/census.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "control/queries.h"

enum { EDGE, STATE, ROUTER, EPOCH };

static void on_asking(struct loop_deferred *deferred);

static void on_timer(struct loop_timer *timer)
{
    struct census *census = CONTAINER_OF(timer, struct census, timer);
    loop_timer_start(census->loop, &census->timer, census->interval_ms);
    census_ask(census);
}

void census_init(struct census *census, struct loop *loop, struct database *database,
                 struct edge_set *edges, struct roll *roll, int64_t interval_ms,
                 void (*on_answer)(void *context), void *context)
{
    *census = (struct census){.loop = loop,
                              .database = database,
                              .edges = edges,
                              .roll = roll,
                              .interval_ms = interval_ms,
                              .on_answer = on_answer,
                              .context = context};
    list_init(&census->asked);
    loop_deferred_init(&census->asking, on_asking);
    loop_timer_init(&census->timer, on_timer);
    loop_timer_start(loop, &census->timer, interval_ms);
}

void census_fini(struct census *census)
{
    if (!census->loop)
        return;
    if (census->unit)
        database_forget(census->unit);
    loop_timer_stop(census->loop, &census->timer);
    loop_undefer(&census->asking);
    free(census->live);
}

void census_ask(struct census *census)
{
    loop_defer(census->loop, &census->asking);
}

/* Burying may tell requests, whose next commands may ask for further edges; so one at a time. */
static void bury_all(struct census *census, struct list *list)
{
    struct edge *edge;

    while ((edge = LIST_FIRST(list, struct edge, in_unknown)))
        edge_bury(census->edges, edge, loop_now_ms(census->loop));
}

/* ---- reading the answer ---- */

static bool is_live(const struct database_answer *answer, size_t row)
{
    return span_is(database_cell(answer, 0, row, STATE), "live");
}

static void keep_live_rows(struct census *census, const struct database_answer *answer)
{
    size_t rows = database_rows(answer, 0);

    free(census->live);
    census->live = xcalloc(rows + 1, sizeof *census->live);
    census->live_count = 0;
    for (size_t row = 0; row < rows; row++) {
        struct span id = database_cell(answer, 0, row, EDGE);
        struct span router = database_cell(answer, 0, row, ROUTER);
        if (!is_live(answer, row) || !edge_id_is_valid(id) || router.length > WIRE_NAME_BYTES)
            continue;
        struct census_row *kept = &census->live[census->live_count++];
        memcpy(kept->edge, id.data, EDGE_ID_LENGTH);
        if (router.length > 0)
            memcpy(kept->router, router.data, router.length);
    }
}

static bool has_live_row(const struct census *census, const char id[EDGE_ID_LENGTH])
{
    for (size_t i = 0; i < census->live_count; i++)
        if (memcmp(census->live[i].edge, id, EDGE_ID_LENGTH) == 0)
            return true;
    return false;
}

static bool has_row(const struct database_answer *answer, const char id[EDGE_ID_LENGTH])
{
    for (size_t row = 0; row < database_rows(answer, 0); row++)
        if (span_equal(database_cell(answer, 0, row, EDGE), span_of(id, EDGE_ID_LENGTH)))
            return true;
    return false;
}

/* On some roll as live, with a row once (its epoch says so) and without one now, and not connected
 * for long: its row was deleted after it had ended, and the router that knew has ended too. */
static bool has_vanished(const struct census *census, const struct database_answer *answer,
                         const struct roll_edge *on_roll)
{
    struct span id = span_of(on_roll->id, EDGE_ID_LENGTH);
    const struct edge *edge = edge_set_find(census->edges, id);

    if (on_roll->is_dead || on_roll->epoch == 0 || !edge || edge->link)
        return false;
    return loop_now_ms(census->loop) - edge->changed_ms > 2 * census->interval_ms &&
           !has_row(answer, on_roll->id);
}

static void tell_roll(struct census *census, const struct database_answer *answer)
{
    size_t rows = database_rows(answer, 0);
    size_t room = rows + census->roll->edges.count + 1;
    struct record_roll_entry *dead = xcalloc(room, sizeof *dead);
    size_t count = 0;

    for (size_t row = 0; row < rows; row++) {
        if (!is_live(answer, row))
            dead[count++] = (struct record_roll_entry){
                .edge = database_cell(answer, 0, row, EDGE),
                .epoch = (uint64_t)database_cell_integer(answer, 0, row, EPOCH, 0)};
    }
    for (const struct roll_edge *edge = roll_first(census->roll); edge;
         edge = roll_next(census->roll, edge)) {
        if (has_vanished(census, answer, edge))
            dead[count++] = (struct record_roll_entry){.edge = span_of(edge->id, EDGE_ID_LENGTH),
                                                       .epoch = edge->epoch};
    }
    struct message_roll message = {.router = span_text(ROLL_DATABASE),
                                   .version = ++census->version,
                                   .dead = {.items = dead, .count = count}};
    (void)roll_update(census->roll, &message, loop_now_ms(census->loop));
    free(dead);
}

static void settle_asked(struct census *census)
{
    struct edge *edge;

    while ((edge = LIST_FIRST(&census->asked, struct edge, in_unknown))) {
        if (has_live_row(census, edge->id))
            edge_vouch(edge, loop_now_ms(census->loop));
        else
            edge_bury(census->edges, edge, loop_now_ms(census->loop));
    }
}

/* No router has made its tables yet: then no edge was ever live in this schema. */
static bool has_no_table(const struct database_answer *answer)
{
    return strcmp(answer->sqlstate, "42P01") == 0 || strcmp(answer->sqlstate, "3F000") == 0;
}

static void on_answer(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct census *census = context;

    census->unit = NULL;
    if (answer->kind == DATABASE_DONE) {
        keep_live_rows(census, answer);
        tell_roll(census, answer);
    } else if (!has_no_table(answer)) {
        metric_add(METRIC_DATABASE_FAILURES, 1);
        log_limited(&limit, LOG_LEVEL_WARNING, "table edges not read",
                    LOG_TEXT("reason", answer->message));
        bury_all(census, &census->asked);
    }
    if (answer->kind == DATABASE_DONE || has_no_table(answer)) {
        census->has_answer = true;
        census->on_answer(census->context);
        settle_asked(census);
    }
    if (!list_is_empty(&census->edges->unknown))
        census_ask(census);
}

static void on_asking(struct loop_deferred *deferred)
{
    struct census *census = CONTAINER_OF(deferred, struct census, asking);

    if (census->unit)
        return;
    if (database_query(census->database, &query_edges, NULL, 0, on_answer, census, &census->unit) <
        0)
        bury_all(census, &census->edges->unknown);
    else
        list_splice(&census->asked, &census->edges->unknown);
}
