/* The roll: which edges live and which are dead, by the word of all routers together.
 *
 *     router A: live {e1@3}          dead {e7@1}
 *     router B: live {e1@2, e2@1}    dead {}        ─▶  e1, e2 live; e7 dead
 *     table  edges:                  dead {e9@4}        e9 dead
 *
 * For each edge the word with the highest home epoch counts; at the same epoch "dead" does, and
 * "dead" at epoch 0 always: that router judged alone, without a database to say otherwise. A router
 * sends its whole list with every change, so a list replaces the one before it. What an ended
 * router said last stays until others contradict it: only the roll says that an edge is dead, and
 * nobody says that a router is.
 *
 * Each router names the dead of a whole day, and one that crashes again and again comes under a new
 * name each time. So lists in which nothing lives are not kept one by one: their dead go into one
 * list, of the ROLL_DEAD_MAX that were named last, and of ROLL_ROUTERS_MAX routers the name and
 * version are remembered.
 *
 * Pure; times are handed in.
 */
#ifndef SLIP_CONTROL_ROLL_H
#define SLIP_CONTROL_ROLL_H

#include "common/base/list.h"
#include "common/base/table.h"
#include "common/wire/wire.h"
#include "control/connection_id.h"

/* The name under which the table `edges` speaks; no router is called so. */
#define ROLL_DATABASE "edges"

/* A router in whose list nothing lives, and a dead edge that nobody names any more, are forgotten
 * after this time. */
#define ROLL_KEEP_MS INT64_C(90000000) /* 25 h: a router keeps the dead for 24 */

enum { ROLL_ROUTERS_MAX = 1000, ROLL_DEAD_MAX = 100000 };

enum roll_standing { ROLL_UNKNOWN, ROLL_LIVE, ROLL_DEAD };

struct roll {
    struct list routers; /* what each said last, in the order they were heard */
    size_t router_count;
    struct table dead;      /* of lists in which nothing lives … */
    struct list dead_order; /* … in the order they were named last */
    struct table edges;     /* the merged view */
    size_t live_count;
};

/* An edge in the merged view. */
struct roll_edge {
    struct table_link link;
    uint64_t epoch;
    bool is_dead;
    char id[EDGE_ID_LENGTH];
};

void roll_init(struct roll *roll);
void roll_fini(struct roll *roll);

/* Takes in a list. true: the merged view may have changed. false: it was known already, or is older
 * than the last one of that router. Entries whose id is no edge id are ignored. */
bool roll_update(struct roll *roll, const struct message_roll *message, int64_t now_ms);

enum roll_standing roll_standing(const struct roll *roll, struct span edge);

/* The home epoch behind that standing, 0 when unknown. */
uint64_t roll_epoch(const struct roll *roll, struct span edge);

/* Routers that have sent a list, the table `edges` not counted. */
size_t roll_router_count(const struct roll *roll);

/* The highest version among the lists, for the metric. */
uint64_t roll_version(const struct roll *roll);

/* Has a router of this name sent a list? */
bool roll_has_router(const struct roll *roll, struct span router);

/* Visits the merged view, in no order; NULL ends. Nothing may be updated meanwhile. */
const struct roll_edge *roll_first(const struct roll *roll);
const struct roll_edge *roll_next(const struct roll *roll, const struct roll_edge *edge);

#endif
