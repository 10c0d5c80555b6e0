/* What PostgreSQL shows: changes of an edge's connections, merged and written in batches.
 *
 *     fact ─▶ change set of the edge ─┬─ PROJECTION_INTERVAL ─▶ one unit (database.h), in order
 *             (merged by connection)  └─ snapshot pages go the same way
 *
 * An edge has at most one set on its way, so that its rows change in the order of its facts. A
 * set whose value PostgreSQL refuses is divided until the refused row (a connection's, or one
 * membership) is alone, which is dropped with a log line; one that fails for another reason is
 * tried again later. When the session is lost, or more than PROJECTION_LIMIT_BYTES wait, the edge's
 * changes are dropped, and its rows corrected instead: from its snapshot (reconcile.h) or, if it is
 * dead, by looking at each of them (death.h).
 *
 * Every statement names the home epoch, and changes nothing when the edge has another home.
 */
#ifndef SLIP_ROUTER_PROJECTION_H
#define SLIP_ROUTER_PROJECTION_H

#include "common/base/list.h"
#include "common/database/database.h"
#include "common/wire/wire.h"

struct connection;
struct edge;
struct router;

enum {
    PROJECTION_LIMIT_BYTES = 64 << 20,
    PROJECTION_SET_CHANGES = 5000, /* a larger set is closed, and the next one begun */
    PROJECTION_PAUSE_MS = 1000,    /* after a failure that may pass */
};

/* Per router. */
struct projection {
    struct list dirty; /* edges with sets that wait */
    struct loop_timer timer;
    size_t bytes;
    size_t changes;
};

/* Per edge. */
struct edge_projection {
    struct list of_dirty;
    struct list sets; /* change_set.h, oldest first; the first is on its way when … */
    struct database_unit *unit;
    int64_t sent_us;
    int64_t not_before_ms;
    bool is_stale; /* the rows are not what the edge said: a snapshot is needed */
};

void projection_init(struct projection *projection);
void edge_projection_init(struct edge_projection *projection);

/* Forgets what waits. */
void edge_projection_drop(struct edge *edge);

/* What is told of the request that opened it; empty when not known. */
struct projection_origin {
    struct span ip;
    struct span path;
    int64_t created_ms; /* wall clock */
};

/* The row of a connection as it is now: state, and metadata when `with_metadata`. `origin` may be
 * NULL; `opened_ms` 0 when not known. */
void projection_connection(struct connection *connection, bool with_metadata,
                           const struct projection_origin *origin, int64_t opened_ms);
void projection_subscribed(struct connection *connection, struct span channel);
void projection_unsubscribed(struct connection *connection, struct span channel);

/* It is a member of nothing any more. */
void projection_unsubscribed_all(struct connection *connection);
void projection_deleted(struct connection *connection);
void projection_deleted_id(struct edge *edge, struct span connection_id);

/* One entry of a snapshot: row and channels are exactly this. */
void projection_entry(struct connection *connection, const struct record_snapshot_entry *entry);

/* The snapshot is complete: rows of connections that we do not know are deleted. */
void projection_prune(struct edge *edge);

/* The edge's own row: "leaving" or "left" (static). */
void projection_edge_state(struct edge *edge, const char *state);

/* The edge's epoch is settled again (edge->unit): what waited is written. */
void projection_go_on(struct edge *edge);

/* Nothing waits, nothing is on its way. */
bool projection_is_idle(const struct edge *edge);

/* Age of the oldest change that is not committed, 0 when there is none. */
int64_t projection_lag_ms(const struct router *router);

/* The session has ended: all edges are stale. */
void projection_on_database_down(struct router *router);

#endif
