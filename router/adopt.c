/* Whose edge it is, asked of PostgreSQL (edge.h). */
#include "common/process/log.h"
#include "router/connection.h"
#include "router/death.h"
#include "router/queries.h"
#include "router/router.h"

static struct database_unit *new_question(struct edge *edge, bool has_chosen_us,
                                          void (*on_done)(void *context,
                                                          const struct database_answer *answer))
{
    struct database_unit *unit = database_unit_new(on_done, edge);
    char epoch[DATABASE_NUMBER_SIZE];
    const struct database_value values[] = {
        database_text(edge_id(edge)),
        database_text(span_text(edge->router->name)),
        database_text(span_text(edge->address)),
        database_integer((int64_t)edge->epoch, epoch),
        database_text(span_text(has_chosen_us ? "true" : "false")),
    };

    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &query_edge_adopt, values, 5);
    database_unit_add(unit, &query_edge_state, values, 1);
    return unit;
}

static bool is_ended(const struct database_answer *answer)
{
    if (database_rows(answer, 1) == 0)
        return false;
    struct span state = database_cell(answer, 1, 0, 0);
    return span_is(state, "expired") || span_is(state, "left");
}

/* Others have closed its connections already: nothing is said to the backend, unless the edge has
 * left: then nobody else can tell what it has handed over. (If it was we who declared it dead, the
 * row says expired, too, and what is left of it is ours to deliver: a DEAD edge never asks whose it
 * is.) */
static void expire(struct edge *edge)
{
    struct router *router = edge->router;

    ASSERT(edge->state != EDGE_DEAD);
    log_warning("edge expired, by PostgreSQL", LOG_SPAN("edge", edge_id(edge)));
    if (edge->state == EDGE_LEAVING && edge->connection_count > 0) {
        death_after_leaving(edge);
        return;
    }
    if (edge->link)
        edge_send_expired(edge->link, edge_id(edge));
    roll_bury(router, edge_id(edge), edge->epoch);
    edge_destroy(&edge);
}

void edge_lost(struct edge *edge)
{
    struct link *link = edge->link;

    log_info("edge has another home", LOG_SPAN("edge", edge_id(edge)));
    edge_destroy(&edge);
    if (link)
        link_drop(link);
}

/* ---- an edge that adopts us ---- */

static void on_adopt(void *context, const struct database_answer *answer)
{
    struct edge *edge = context;

    edge->unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        log_warning("edge adopted without PostgreSQL", LOG_SPAN("edge", edge_id(edge)),
                    LOG_TEXT("error", answer->message));
        edge_live(edge);
    } else if (database_rows(answer, 0) > 0) {
        edge->epoch = (uint64_t)database_cell_integer(answer, 0, 0, 0, 0);
        edge->snapshot.is_wanted |= edge->projection.is_stale;
        edge->projection.is_stale = false;
        edge_live(edge);
    } else {
        expire(edge);
    }
}

void edge_adopt(struct edge *edge)
{
    if (!store_is_ready(edge->router) || !edge_ask(edge, new_question(edge, true, on_adopt)))
        edge_live(edge);
}

/* ---- an edge that is here while PostgreSQL comes back ---- */

static void renewed(struct edge *edge, uint64_t epoch)
{
    edge->epoch = epoch;
    roll_changed(edge->router);
    edge->projection.is_stale = false;
    projection_go_on(edge);
    if (edge->state == EDGE_LEAVING) {
        projection_prune(edge);
        projection_edge_state(edge, "leaving");
        edge->is_left_told = false;
        edge_check_gone_later(edge);
    } else {
        reconcile_start(edge);
    }
}

static void on_adopt_again(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct edge *edge = context;

    edge->unit = NULL;
    if (answer->kind != DATABASE_DONE) /* the next session, or the next tick, asks again */
        store_log_failure(&limit, "edge not adopted again", LOG_SPAN("edge", edge_id(edge)),
                          answer);
    else if (database_rows(answer, 0) > 0)
        renewed(edge, (uint64_t)database_cell_integer(answer, 0, 0, 0, 0));
    else if (is_ended(answer))
        expire(edge);
    else
        edge_lost(edge);
}

void edge_adopt_again(struct edge *edge)
{
    (void)edge_ask(edge, new_question(edge, false, on_adopt_again)); /* or the next tick does */
}

void edge_rows_lost(struct edge *edge)
{
    if (edge->state == EDGE_DEAD)
        death_record(edge);
    else if (edge->state == EDGE_LIVE || edge->state == EDGE_LEAVING)
        edge_adopt_again(edge);
}

void edges_on_database_ready(struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link) {
        struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        edge->projection.is_stale = true;
        edge_rows_lost(edge);
    }
}
