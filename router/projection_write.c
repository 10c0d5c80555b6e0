#include "router/projection_write.h"

#include "common/database/array.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/queries.h"

/* In the order of the parameters after the edge and its epoch. */
enum { COLUMNS_MAX = 7 };

struct statement {
    struct database_unit *unit;
    const struct edge *edge;
    struct database_array columns[COLUMNS_MAX];
};

static void add(struct statement *statement, const struct database_statement *query, size_t columns)
{
    char epoch[DATABASE_NUMBER_SIZE];
    struct database_value values[2 + COLUMNS_MAX] = {
        database_text(edge_id(statement->edge)),
        database_integer((int64_t)statement->edge->epoch, epoch),
    };

    for (size_t i = 0; i < columns; i++)
        values[2 + i] = database_array_value(&statement->columns[i]);
    database_unit_add(statement->unit, query, values, 2 + columns);
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        database_array_fini(&statement->columns[i]);
}

/* The same, unless its first column holds nothing. */
static void add_rows(struct statement *statement, const struct database_statement *query,
                     size_t columns)
{
    if (statement->columns[0].count > 0)
        add(statement, query, columns);
}

static const char *state_name(enum connection_state state)
{
    switch (state) {
    case CONNECTION_OPENING:
        return "opening";
    case CONNECTION_OPEN:
        return "open";
    case CONNECTION_CLOSING:
        break;
    }
    return "closing";
}

static void add_time(struct database_array *column, int64_t time_ms)
{
    if (time_ms > 0)
        database_array_add_integer(column, time_ms);
    else
        database_array_add_null(column);
}

static void put_connections(struct statement *statement, const struct change_set *set)
{
    struct database_array *columns = statement->columns;

    LIST_FOR_EACH(&set->in_order, link) {
        const struct connection_change *change = LIST_ENTRY(link, struct connection_change, of_set);
        if (!change->has_row || change->is_deleted)
            continue;
        database_array_add_text(&columns[0], connection_change_id(change));
        database_array_add_text(&columns[1], span_text(state_name(change->state)));
        database_array_add_text(&columns[2], span_of(change->metadata, change->metadata_length));
        database_array_add_text(&columns[3], span_text(change->ip));
        database_array_add_text(&columns[4], span_text(change->path));
        add_time(&columns[5], change->created_ms);
        add_time(&columns[6], change->opened_ms);
    }
    add_rows(statement, &query_put_connections, 7);
}

static void gather_memberships(const struct change_set *set, bool is_member,
                               struct database_array *ids, struct database_array *channels)
{
    LIST_FOR_EACH(&set->in_order, link) {
        const struct connection_change *change = LIST_ENTRY(link, struct connection_change, of_set);
        LIST_FOR_EACH(&change->memberships, inner) {
            const struct membership_change *membership =
                LIST_ENTRY(inner, struct membership_change, of_change);
            if (membership->is_member != is_member)
                continue;
            database_array_add_text(ids, connection_change_id(change));
            database_array_add_text(channels, membership_change_channel(membership));
        }
    }
}

static void put_memberships(struct statement *statement, const struct change_set *set)
{
    struct database_array *columns = statement->columns;

    LIST_FOR_EACH(&set->in_order, link) {
        const struct connection_change *change = LIST_ENTRY(link, struct connection_change, of_set);
        if (change->is_whole && !change->is_deleted)
            database_array_add_text(&columns[0], connection_change_id(change));
    }
    if (columns[0].count > 0) {
        gather_memberships(set, true, &columns[1], &columns[2]);
        add(statement, &query_keep_subscriptions, 3);
    }
    gather_memberships(set, false, &columns[0], &columns[1]);
    add_rows(statement, &query_drop_subscriptions, 2);
    gather_memberships(set, true, &columns[0], &columns[1]);
    add_rows(statement, &query_put_subscriptions, 2);
}

static void gather_deleted(const struct change_set *set, struct database_array *ids)
{
    LIST_FOR_EACH(&set->in_order, link) {
        const struct connection_change *change = LIST_ENTRY(link, struct connection_change, of_set);
        if (change->is_deleted)
            database_array_add_text(ids, connection_change_id(change));
    }
}

static void delete_connections(struct statement *statement, const struct change_set *set)
{
    gather_deleted(set, &statement->columns[0]);
    add_rows(statement, &query_drop_memberships, 1);
    gather_deleted(set, &statement->columns[0]);
    add_rows(statement, &query_drop_connections, 1);
}

static void prune(struct statement *statement)
{
    LIST_FOR_EACH(&statement->edge->connections, link)
        database_array_add_text(&statement->columns[0],
                                connection_id(LIST_ENTRY(link, struct connection, of_edge)));
    add(statement, &query_prune_connections, 1);
}

static void set_edge_state(struct statement *statement, const char *state)
{
    char epoch[DATABASE_NUMBER_SIZE];
    const struct database_value values[] = {
        database_text(edge_id(statement->edge)),
        database_integer((int64_t)statement->edge->epoch, epoch),
        database_text(span_text(state)),
    };

    database_unit_add(statement->unit, &query_set_edge_state, values, 3);
}

struct database_unit *
projection_unit(const struct edge *edge, const struct change_set *set,
                void (*on_done)(void *context, const struct database_answer *answer), void *context)
{
    struct statement statement = {.unit = database_unit_new(on_done, context), .edge = edge};

    add(&statement, &query_hold_edge, 0);
    put_connections(&statement, set);
    put_memberships(&statement, set);
    delete_connections(&statement, set);
    if (set->is_prune)
        prune(&statement);
    if (set->edge_state)
        set_edge_state(&statement, set->edge_state);
    return statement.unit;
}

void projection_count_rows(const struct change_set *set)
{
    size_t connections = set->changes.count;

    metric_add_label(METRIC_ROWS_WRITTEN, LABEL_TABLE_CONNECTIONS, (int64_t)connections);
    metric_add_label(METRIC_ROWS_WRITTEN, LABEL_TABLE_SUBSCRIPTIONS,
                     (int64_t)set->memberships.count);
    if (set->edge_state)
        metric_add_label(METRIC_ROWS_WRITTEN, LABEL_TABLE_EDGES, 1);
}
