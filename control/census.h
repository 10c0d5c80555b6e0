/* The census: what the table `edges` says about edges that the roll does not settle.
 *
 *     on a schedule    rows not live ─▶ a list for the roll: these are dead
 *     on demand        edge_set.unknown ─▶ edge_vouch() or edge_bury()
 *     at the start     rows live ─▶ whom control must have heard before it is warm
 *
 * The table is small: live edges, and those that ended within the last day; so there is one
 * statement, and one of it on its way. Without PostgreSQL an unknown edge counts as gone, and the
 * roll alone decides about all others.
 */
#ifndef SLIP_CONTROL_CENSUS_H
#define SLIP_CONTROL_CENSUS_H

#include "common/database/database.h"
#include "control/edge.h"
#include "control/roll.h"

/* A live row. */
struct census_row {
    char edge[EDGE_ID_LENGTH];
    char router[WIRE_NAME_BYTES + 1];
};

struct census {
    struct loop *loop;
    struct database *database;
    struct edge_set *edges;
    struct roll *roll;
    int64_t interval_ms;
    struct loop_deferred asking;
    struct loop_timer timer;
    struct database_unit *unit; /* on its way */
    struct list asked;          /* edges that were unknown when it was sent */
    uint64_t version;
    bool has_answer; /* at least one */
    struct census_row *live;
    size_t live_count;
    void (*on_answer)(void *context); /* the roll may have changed */
    void *context;
};

/* Asks every `interval_ms`, and for unknown edges at the end of the turn. Everything is borrowed.
 */
void census_init(struct census *census, struct loop *loop, struct database *database,
                 struct edge_set *edges, struct roll *roll, int64_t interval_ms,
                 void (*on_answer)(void *context), void *context);
void census_fini(struct census *census);

/* edge_set.unknown has changed, or the database is there. */
void census_ask(struct census *census);

#endif
