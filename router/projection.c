#include "router/projection.h"

#include "common/base/clock.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/projection_write.h"
#include "router/router.h"

static void write_next(struct edge *edge);

static void on_timer(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, projection.timer);
    struct list due;

    list_init(&due);
    list_splice(&due, &router->projection.dirty);
    while (!list_is_empty(&due)) {
        struct edge *edge = LIST_FIRST(&due, struct edge, projection.of_dirty);
        list_remove(&edge->projection.of_dirty);
        write_next(edge);
    }
}

void projection_init(struct projection *projection)
{
    list_init(&projection->dirty);
    loop_timer_init(&projection->timer, on_timer);
}

void edge_projection_init(struct edge_projection *projection)
{
    list_init(&projection->of_dirty);
    list_init(&projection->sets);
}

bool projection_is_idle(const struct edge *edge)
{
    return list_is_empty(&edge->projection.sets);
}

/* ---- what waits ---- */

static void count(struct edge *edge, const struct change_set *set, int sign)
{
    struct projection *projection = &edge->router->projection;

    projection->bytes += (size_t)sign * set->bytes;
    projection->changes += (size_t)sign * set->count;
}

static void remove_set(struct edge *edge, struct change_set *set)
{
    count(edge, set, -1);
    list_remove(&set->link);
    change_set_destroy(&set);
}

void edge_projection_drop(struct edge *edge)
{
    struct edge_projection *projection = &edge->projection;

    if (projection->unit)
        database_forget(projection->unit);
    projection->unit = NULL;
    list_remove(&projection->of_dirty);
    LIST_FOR_EACH(&projection->sets, link)
        remove_set(edge, LIST_ENTRY(link, struct change_set, link));
}

static void write_later(struct edge *edge, int64_t delay_ms)
{
    struct router *router = edge->router;

    if (!list_is_linked(&edge->projection.of_dirty))
        list_append(&router->projection.dirty, &edge->projection.of_dirty);
    if (!loop_timer_is_running(&router->projection.timer))
        loop_timer_start(router->loop, &router->projection.timer, delay_ms);
}

/* The rows stay behind. Those that were to be deleted are remembered: read again, they must not be
 * taken for connections without a CLOSE. */
static void lose_changes(struct edge *edge)
{
    edge->projection.is_stale = true;
    LIST_FOR_EACH(&edge->projection.sets, link) {
        const struct change_set *set = LIST_ENTRY(link, struct change_set, link);
        LIST_FOR_EACH(&set->in_order, place) {
            const struct connection_change *change =
                LIST_ENTRY(place, struct connection_change, of_set);
            if (change->is_deleted)
                reconcile_note_finished(edge, connection_change_id(change));
        }
    }
    edge_projection_drop(edge);
}

static void overflow(struct edge *edge)
{
    static struct log_limit limit;

    log_limited(&limit, LOG_LEVEL_WARNING,
                "PostgreSQL does not keep up: changes dropped, the rows are corrected later",
                LOG_SPAN("edge", edge_id(edge)), LOG_UINT("bytes", edge->router->projection.bytes));
    lose_changes(edge);
    edge_rows_lost(edge);
}

/* The one that is on its way takes no more. */
static bool takes_changes(const struct edge_projection *projection, const struct change_set *newest)
{
    bool is_sent = projection->unit && projection->sets.next == &newest->link;

    return !is_sent && newest->count < PROJECTION_SET_CHANGES && !newest->is_prune &&
           !newest->edge_state;
}

static struct change_set *newest_set(const struct edge_projection *projection)
{
    return LIST_ENTRY(projection->sets.previous, struct change_set, link);
}

/* The set that takes the next change; NULL while PostgreSQL is not told (what it misses, a snapshot
 * tells). */
static struct change_set *open_set(struct edge *edge)
{
    struct edge_projection *projection = &edge->projection;

    if (projection->is_stale || edge->epoch == 0 || !store_is_ready(edge->router)) {
        projection->is_stale = true;
        return NULL;
    }
    if (projection_is_idle(edge) || !takes_changes(projection, newest_set(projection))) {
        struct change_set *set = change_set_new(loop_now_ms(edge->router->loop));
        list_append(&projection->sets, &set->link);
        count(edge, set, 1);
    }
    count(edge, newest_set(projection), -1); /* close_set() counts it again, as it is then */
    return newest_set(projection);
}

static void close_set(struct edge *edge, struct change_set *set)
{
    count(edge, set, 1);
    if (edge->router->projection.bytes > PROJECTION_LIMIT_BYTES)
        overflow(edge);
    else if (!edge->projection.unit)
        write_later(edge, edge->router->config->projection_ms);
}

/* ---- writing ---- */

/* The last row of a set that PostgreSQL refuses: the others do not wait for it. */
static void drop_refused(struct edge *edge, struct change_set *set,
                         const struct database_answer *answer)
{
    static struct log_limit limit;
    const struct connection_change *change =
        LIST_FIRST(&set->in_order, struct connection_change, of_set);

    store_log_failure(&limit, "row refused by PostgreSQL, and left out",
                      LOG_SPAN("conn", change ? connection_change_id(change) : (struct span){0}),
                      answer);
    remove_set(edge, set);
}

static void divide_refused(struct edge *edge, struct change_set *set,
                           const struct database_answer *answer)
{
    if (!change_set_can_split(set)) {
        drop_refused(edge, set, answer);
        return;
    }
    count(edge, set, -1);
    struct change_set *second = change_set_split(set);
    list_prepend(&set->link, &second->link); /* a link is a list's head, too: right behind it */
    count(edge, set, 1);
    count(edge, second, 1);
}

static void try_again(struct edge *edge, const struct database_answer *answer)
{
    static struct log_limit limit;

    store_log_failure(&limit, "changes not written", LOG_SPAN("edge", edge_id(edge)), answer);
    edge->projection.not_before_ms = loop_now_ms(edge->router->loop) + PROJECTION_PAUSE_MS;
}

/* False: nothing of the edge is to be written now. */
static bool settle_written(struct edge *edge, const struct database_answer *answer)
{
    struct change_set *set = LIST_FIRST(&edge->projection.sets, struct change_set, link);

    switch (answer->kind) {
    case DATABASE_LOST:
        lose_changes(edge);
        return false;
    case DATABASE_BAD_DATA:
        divide_refused(edge, set, answer);
        break;
    case DATABASE_BUSY:
    case DATABASE_BROKEN:
        try_again(edge, answer);
        break;
    case DATABASE_DONE:
        if (database_rows(answer, 0) == 0) { /* not ours, or not there any more: ask */
            lose_changes(edge);
            edge_rows_lost(edge);
            return false;
        }
        metric_observe(METRIC_PROJECTION_WRITES, clock_monotonic_us() - edge->projection.sent_us);
        projection_count_rows(set);
        remove_set(edge, set);
        break;
    }
    return true;
}

static void on_written(void *context, const struct database_answer *answer)
{
    struct edge *edge = context;
    struct router *router = edge->router;

    edge->projection.unit = NULL;
    if (settle_written(edge, answer)) {
        write_next(edge);
        reconcile_go_on(edge);
        edge_check_gone_later(edge);
    }
    router_check_drained(router); /* a router that leaves waits for its last rows */
}

static void write_next(struct edge *edge)
{
    struct edge_projection *projection = &edge->projection;
    const struct change_set *set = LIST_FIRST(&projection->sets, struct change_set, link);
    int64_t pause_ms = projection->not_before_ms - loop_now_ms(edge->router->loop);

    /* a question about the edge may change its epoch: what is written after it has to know */
    if (!set || projection->unit || edge->unit)
        return;
    if (pause_ms > 0) {
        write_later(edge, pause_ms);
        return;
    }
    struct database_unit *unit = projection_unit(edge, set, on_written, edge);
    struct database_unit *sent = unit;
    int error = database_submit(edge->router->store.database, &unit);
    database_unit_destroy(&unit);
    if (error == 0) {
        projection->unit = sent;
        projection->sent_us = clock_monotonic_us();
    } else {
        write_later(edge, PROJECTION_PAUSE_MS);
    }
}

void projection_go_on(struct edge *edge)
{
    if (store_is_ready(edge->router))
        write_next(edge);
}

void projection_on_database_down(struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link) {
        lose_changes(TABLE_ENTRY(link, struct edge, by_id));
    }
    router_check_drained(router);
}

int64_t projection_lag_ms(const struct router *router)
{
    int64_t now_ms = loop_now_ms(router->loop), oldest_ms = now_ms;

    TABLE_FOR_EACH(&router->edges, link) {
        const struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        const struct change_set *set = LIST_FIRST(&edge->projection.sets, struct change_set, link);
        if (set && set->oldest_ms < oldest_ms)
            oldest_ms = set->oldest_ms;
    }
    return now_ms - oldest_ms;
}

/* ---- changes ---- */

void projection_connection(struct connection *connection, bool with_metadata,
                           const struct projection_origin *origin, int64_t opened_ms)
{
    struct change_set *set = open_set(connection->edge);
    struct connection_row row = {.state = connection->state, .opened_ms = opened_ms};

    if (!set)
        return;
    if (with_metadata)
        row.metadata =
            connection->metadata_length > 0 ? connection_metadata(connection) : span_text("null");
    if (origin) {
        row.ip = origin->ip;
        row.path = origin->path;
        row.created_ms = origin->created_ms;
    }
    change_set_row(set, connection_id(connection), &row);
    close_set(connection->edge, set);
}

static void change_membership(struct connection *connection, struct span channel, bool is_member)
{
    struct change_set *set = open_set(connection->edge);

    if (!set)
        return;
    change_set_membership(set, connection_id(connection), channel, is_member);
    close_set(connection->edge, set);
}

void projection_subscribed(struct connection *connection, struct span channel)
{
    change_membership(connection, channel, true);
}

void projection_unsubscribed(struct connection *connection, struct span channel)
{
    change_membership(connection, channel, false);
}

void projection_unsubscribed_all(struct connection *connection)
{
    struct change_set *set = open_set(connection->edge);

    if (!set)
        return;
    change_set_whole(set, connection_id(connection));
    close_set(connection->edge, set);
}

void projection_deleted_id(struct edge *edge, struct span connection_id)
{
    struct change_set *set = open_set(edge);

    if (!set)
        return;
    change_set_delete(set, connection_id);
    close_set(edge, set);
}

void projection_deleted(struct connection *connection)
{
    projection_deleted_id(connection->edge, connection_id(connection));
}

void projection_entry(struct connection *connection, const struct record_snapshot_entry *entry)
{
    struct change_set *set = open_set(connection->edge);
    struct span id = connection_id(connection);
    struct connection_row row = {
        .state = connection->state,
        .metadata = entry->metadata.length > 0 ? entry->metadata : span_text("null"),
        .opened_ms = entry->opened_at_ms <= INT64_MAX ? (int64_t)entry->opened_at_ms : 0,
    };

    if (!set)
        return;
    change_set_row(set, id, &row);
    change_set_whole(set, id);
    if (connection->state != CONNECTION_CLOSING) {
        for (size_t i = 0; i < entry->channels.count; i++)
            change_set_membership(set, id, entry->channels.items[i].channel, true);
    }
    close_set(connection->edge, set);
}

void projection_prune(struct edge *edge)
{
    struct change_set *set = open_set(edge);

    if (!set)
        return;
    set->is_prune = true;
    close_set(edge, set);
}

void projection_edge_state(struct edge *edge, const char *state)
{
    struct change_set *set = open_set(edge);

    if (!set)
        return;
    set->edge_state = state;
    close_set(edge, set);
}
