#include "router/reconcile.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/router.h"

/* Beyond this the ids of finished connections are not remembered: a second CLOSE under the same
 * key is the lesser evil. */
enum { FINISHED_MAX = 200000 };

struct finished {
    struct table_link by_id;
    size_t id_length;
    char id[];
};

void snapshot_init(struct snapshot *snapshot)
{
    *snapshot = (struct snapshot){0};
    table_init(&snapshot->finished);
}

static void forget_finished(struct snapshot *snapshot)
{
    TABLE_FOR_EACH(&snapshot->finished, link) {
        struct finished *finished = TABLE_ENTRY(link, struct finished, by_id);
        table_remove(&snapshot->finished, link);
        free(finished);
    }
}

void snapshot_fini(struct snapshot *snapshot)
{
    forget_finished(snapshot);
    table_fini(&snapshot->finished);
}

/* Rows that are wrong, or that have not been looked at, may still name what is finished. */
static bool rows_may_be_wrong(const struct edge *edge)
{
    return edge->projection.is_stale || edge->is_unsettled;
}

void reconcile_note_finished(struct edge *edge, struct span connection)
{
    struct snapshot *snapshot = &edge->snapshot;

    if ((snapshot->number == 0 && !rows_may_be_wrong(edge)) ||
        snapshot->finished.count >= FINISHED_MAX || table_find(&snapshot->finished, connection))
        return;
    struct finished *finished = xcalloc(1, sizeof *finished + connection.length);
    memcpy(finished->id, connection.data, connection.length);
    finished->id_length = connection.length;
    table_insert(&snapshot->finished, &finished->by_id, span_of(finished->id, finished->id_length));
}

static void pull(struct edge *edge, bool is_restart)
{
    edge->snapshot.is_due = false;
    wire_put_pull(link_packet(edge->link),
                  &(struct message_pull){.snapshot = edge->snapshot.number, .restart = is_restart});
}

void reconcile_start(struct edge *edge)
{
    static uint64_t last_number;

    edge->snapshot.is_wanted = true;
    if (edge->state != EDGE_LIVE || !edge->link)
        return;
    edge->snapshot.is_wanted = false;
    edge->snapshot.number = ++last_number;
    pull(edge, true);
}

void reconcile_stop(struct edge *edge)
{
    edge->snapshot.number = 0;
    edge->snapshot.is_due = false;
    if (!rows_may_be_wrong(edge))
        forget_finished(&edge->snapshot);
}

void reconcile_go_on(struct edge *edge)
{
    struct snapshot *snapshot = &edge->snapshot;

    if (edge->state != EDGE_LIVE || !edge->link)
        return;
    if (snapshot->is_due && projection_is_idle(edge))
        pull(edge, false);
    else if (snapshot->is_wanted && snapshot->number == 0)
        reconcile_start(edge);
}

/* ---- pages ---- */

static void take_entry(struct edge *edge, const struct record_snapshot_entry *entry)
{
    struct connection *connection = connection_find(edge->router, entry->connection);

    if (!span_starts_with(entry->connection, edge_id(edge)) ||
        table_find(&edge->snapshot.finished, entry->connection) ||
        (connection && connection->edge != edge))
        return;
    if (!connection)
        connection = connection_new(edge, entry->connection, CONNECTION_OPENING);
    if (connection->phase == CONNECTION_FINISHED)
        return;
    if (entry->state <= CONNECTION_CLOSING)
        connection->state =
            connection->has_close ? CONNECTION_CLOSING : (enum connection_state)entry->state;
    connection_told_metadata(connection, entry->metadata);
    projection_entry(connection, entry);
}

static void end_snapshot(struct edge *edge)
{
    edge->snapshot.number = 0;
    projection_prune(edge);
    if (!rows_may_be_wrong(edge))
        forget_finished(&edge->snapshot);
    metric_add(METRIC_RECONCILIATIONS, 1);
    log_info("edge reconciled", LOG_SPAN("edge", edge_id(edge)),
             LOG_UINT("connections", edge->connection_count));
}

void reconcile_on_page(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_page *page = &message->as.page;
    struct edge *edge = link_data(link);

    (void)router;
    if (!edge || edge->snapshot.number == 0 || page->snapshot != edge->snapshot.number)
        return;
    edge->is_repeating = false;
    for (size_t i = 0; i < page->entries.count; i++)
        take_entry(edge, &page->entries.items[i]);
    if (page->is_last) {
        end_snapshot(edge);
    } else {
        edge->snapshot.is_due = true;
        reconcile_go_on(edge);
    }
}
