#include "router/death.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/queries.h"
#include "router/router.h"

enum { ROWS_PAGE = 1000 }; /* query_edge_rows' */

static void read_rows(struct edge *edge, struct span after);

/* ---- rows that memory does not know ---- */

static enum connection_state state_of(struct span text)
{
    if (span_is(text, "opening"))
        return CONNECTION_OPENING;
    return span_is(text, "open") ? CONNECTION_OPEN : CONNECTION_CLOSING;
}

static void close_row(struct edge *edge, const struct database_answer *answer, size_t row)
{
    struct span id = database_cell(answer, 0, row, 0);

    if (table_find(&edge->snapshot.finished, id)) {
        projection_deleted_id(edge, id);
        return;
    }
    if (id.length > WIRE_ID_BYTES || connection_find(edge->router, id))
        return;
    struct connection *connection =
        connection_new(edge, id, state_of(database_cell(answer, 0, row, 1)));
    connection_told_metadata(connection, database_cell(answer, 0, row, 2));
    connection_orphan(connection);
}

static void on_rows(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct edge *edge = context;

    edge->unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        store_log_failure(&limit, "rows of a dead edge not read", LOG_SPAN("edge", edge_id(edge)),
                          answer);
        return; /* is_unsettled stays: death_record() comes again */
    }
    size_t count = database_rows(answer, 0);
    for (size_t row = 0; row < count; row++)
        close_row(edge, answer, row);
    if (edge->projection.is_stale)
        return; /* by an overflow meanwhile, which begins with the first page again */
    if (count == ROWS_PAGE) {
        read_rows(edge, database_cell(answer, 0, count - 1, 0));
        return;
    }
    edge->is_unsettled = false;
    reconcile_stop(edge);
    projection_go_on(edge);
    edge_check_gone_later(edge);
}

/* Every row gets its CLOSE or goes: what we missed to write does not matter any more. */
static void read_rows(struct edge *edge, struct span after)
{
    edge->projection.is_stale = false;
    const struct database_value values[] = {database_text(edge_id(edge)), database_text(after)};
    struct database_unit *unit = database_unit_new(on_rows, edge);

    database_unit_add(unit, &query_edge_rows, values, 2);
    (void)edge_ask(edge, unit);
}

/* Unless an overflow, by what its death changes, has begun with that already. */
static void look_at_rows(struct edge *edge)
{
    if (!edge->unit)
        read_rows(edge, (struct span){0});
}

/* ---- dead ---- */

static struct database_unit *
new_burial(struct router *router, struct span id, uint64_t epoch,
           void (*on_done)(void *context, const struct database_answer *answer), void *context)
{
    struct database_unit *unit = database_unit_new(on_done, context);
    char number[DATABASE_NUMBER_SIZE];
    const struct database_value values[] = {
        database_text(id),
        database_text(span_text(router->name)),
        database_integer((int64_t)epoch, number),
    };

    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &query_edge_bury, values, 3);
    return unit;
}

static void be_dead(struct edge *edge)
{
    struct router *router = edge->router;

    edge_set_state(edge, EDGE_DEAD);
    edge->is_unsettled = true;
    if (edge->link) {
        edge_send_expired(edge->link, edge_id(edge));
        link_set_data(edge->link, NULL);
        edge->link = NULL;
    }
    reconcile_stop(edge);
    roll_bury(router, edge_id(edge), edge->epoch);
    orphans_forget(router, edge_id(edge));
    LIST_FOR_EACH(&edge->connections, link)
        connection_orphan(LIST_ENTRY(link, struct connection, of_edge));
    edge_check_gone_later(edge);
}

static void die(struct edge *edge)
{
    if (edge->unit) /* whose it is, is no question any more */
        database_forget(edge->unit);
    edge->unit = NULL;
    log_warning("edge is dead", LOG_SPAN("edge", edge_id(edge)),
                LOG_UINT("connections", edge->connection_count));
    metric_add(METRIC_EDGES_EXPIRED, 1);
    be_dead(edge);
}

static bool is_won(const struct database_answer *answer, uint64_t *ret_epoch)
{
    if (answer->kind != DATABASE_DONE || database_rows(answer, 0) == 0)
        return false;
    *ret_epoch = (uint64_t)database_cell_integer(answer, 0, 0, 0, 0);
    return true;
}

/* ---- an edge of ours ---- */

static void on_judged(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct edge *edge = context;

    edge->unit = NULL;
    if (is_won(answer, &edge->epoch)) {
        die(edge);
        look_at_rows(edge);
    } else if (answer->kind == DATABASE_DONE) {
        edge_lost(edge);
    } else {
        store_log_failure(&limit, "edge not judged", LOG_SPAN("edge", edge_id(edge)), answer);
        edge_live(edge); /* and silent still: the next tick tries again */
    }
}

static void judge_alone(struct edge *edge)
{
    static struct log_limit limit;

    if (!orphans_others_live(edge->router))
        die(edge);
    else
        log_limited(&limit, LOG_LEVEL_WARNING,
                    "edge is silent, and may be another router's: PostgreSQL is waited for",
                    LOG_SPAN("edge", edge_id(edge)));
}

static void judge(struct edge *edge)
{
    struct router *router = edge->router;

    if (!store_is_ready(router)) {
        judge_alone(edge);
        return;
    }
    if (edge->epoch == 0 || edge->unit)
        return; /* first PostgreSQL has to know that it is ours */
    if (edge_ask(edge, new_burial(router, edge_id(edge), edge->epoch, on_judged, edge)))
        edge_set_state(edge, EDGE_JUDGED);
}

void death_check(struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link) {
        struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        if (edge->state == EDGE_LIVE && !edge_is_heard(edge, router->config->peer_timeout_ms))
            judge(edge);
        else if (edge->state == EDGE_DEAD && edge->is_unsettled && !edge->unit &&
                 store_is_ready(router))
            death_record(edge);
    }
}

static void on_recorded(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct edge *edge = context;

    edge->unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        store_log_failure(&limit, "death of an edge not recorded", LOG_SPAN("edge", edge_id(edge)),
                          answer);
        return; /* death_check() comes again */
    }
    if (is_won(answer, &edge->epoch)) {
        read_rows(edge, (struct span){0});
        return;
    }
    edge->is_unsettled = false; /* another router has closed them, */
    edge_projection_drop(edge); /* and the rows are its own: what waits would change nothing */
    edge->projection.is_stale = false;
    edge_check_gone_later(edge);
}

/* A burial that is under way is not repeated: it takes place, and our epoch would be one behind. */
void death_record(struct edge *edge)
{
    edge->is_unsettled = true;
    if (!edge->unit)
        (void)edge_ask(edge,
                       new_burial(edge->router, edge_id(edge), edge->epoch, on_recorded, edge));
}

/* The other one told the end of its connections without what they had said. That they end a second
 * time, under the same key and behind it, is the lesser evil. */
void death_after_leaving(struct edge *edge)
{
    be_dead(edge);
    death_record(edge); /* which we lose: unless we never knew the epoch, its rows are not ours */
}

/* ---- an edge of a router that is gone ---- */

struct claim {
    struct router *router;
    size_t id_length;
    char id[];
};

static void on_claimed(void *context, const struct database_answer *answer)
{
    struct claim *claim = context;
    struct span id = span_of(claim->id, claim->id_length);
    struct edge *edge = edge_find(claim->router, id);
    uint64_t epoch;

    if (is_won(answer, &epoch)) {
        log_info("orphan taken over", LOG_SPAN("edge", id));
        if (!edge)
            edge = edge_new(claim->router, id, EDGE_ADOPTING);
        edge->epoch = epoch;
        die(edge);
        look_at_rows(edge);
    }
    free(claim);
}

void death_claim_orphan(struct router *router, struct span id, uint64_t epoch)
{
    struct claim *claim = xcalloc(1, sizeof *claim + id.length);

    claim->router = router;
    claim->id_length = id.length;
    memcpy(claim->id, id.data, id.length);
    struct database_unit *unit = new_burial(router, id, epoch, on_claimed, claim);
    if (database_submit(router->store.database, &unit) < 0) {
        database_unit_destroy(&unit);
        free(claim);
    }
}
