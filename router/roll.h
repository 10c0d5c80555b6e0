/* The roll of edges: only it says that an edge is dead. It goes to every worker when it changes,
 * and from there to every control.
 *
 *     live   edges at home here, and edges whose home router has stopped until it is known
 *            whether they return
 *     dead   edges that died or left here within ROLL_KEEP_MS
 *
 * It is not sent before this router knows what PostgreSQL remembers (or that it does not tell):
 * a roll without an edge that lives would let a control believe that it knows all members.
 */
#ifndef SLIP_ROUTER_ROLL_H
#define SLIP_ROUTER_ROLL_H

#include "common/base/table.h"
#include "common/process/loop.h"
#include "common/wire/link.h"

struct router;

enum { ROLL_KEEP_MS = 24 * 3600 * 1000 };

struct roll {
    uint64_t version;
    bool is_known;     /* may be sent */
    struct table dead; /* by edge id */
    struct list dead_in_order;
    struct loop_deferred turn;
};

void roll_init(struct roll *roll);
void roll_fini(struct roll *roll);

/* Something has changed: goes to all workers at the end of the turn. */
void roll_changed(struct router *router);

/* PostgreSQL has told what it remembers, or does not (orphans_are_hidden). */
void roll_known(struct router *router);

/* The whole roll to one worker; nothing before roll_known(). */
void roll_send(struct router *router, struct link *worker);

/* The edge is dead, or has left. A second time is harmless. */
void roll_bury(struct router *router, struct span edge_id, uint64_t epoch);
bool roll_is_dead(const struct router *router, struct span edge_id);

/* Forgets those that ended ROLL_KEEP_MS ago. */
void roll_expire(struct router *router);

#endif
