/* An edge's death: who may declare it, and what follows.
 *
 *     silent for PEER_TIMEOUT ──▶ compare-and-set in `edges` ──won──▶ the roll says dead
 *     (or an orphan, orphans.h)                                       each connection: CLOSE 1006
 *                                                                     its rows, by pages: the same
 */
#ifndef SLIP_ROUTER_DEATH_H
#define SLIP_ROUTER_DEATH_H

#include "router/edge.h"

/* Looks for edges that have been silent for too long. */
void death_check(struct router *router);

/* An edge of a router that is gone, found in PostgreSQL: tries to win it; when won it is DEAD here
 * and its rows are closed. */
void death_claim_orphan(struct router *router, struct span edge_id, uint64_t epoch);

/* One that is LEAVING has been declared dead by another router, while we were without PostgreSQL:
 * its batches, which only we have, are delivered as those of a DEAD one. */
void death_after_leaving(struct edge *edge);

/* A DEAD edge whose death is not in PostgreSQL yet, or whose rows have not been looked at: does it
 * now that PostgreSQL is there. */
void death_record(struct edge *edge);

#endif
