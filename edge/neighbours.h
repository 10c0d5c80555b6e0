/* Neighbours: how many connections each client address has here, for MAX_CONNECTIONS_PER_ADDRESS.
 *
 *     by_key ─ 198.51.100.7 ──────▶ 3 connections
 *            └ 2001:db8:1:2::/64 ─▶ 1 connection      an IPv6 host has a whole /64 to choose from
 *
 * A connection counts while it has its socket, or its OPEN waits for the backend. An address is
 * here as long as it has anything: never more entries than connections and clients. Owned by the
 * edge; no I/O.
 */
#ifndef SLIP_EDGE_NEIGHBOURS_H
#define SLIP_EDGE_NEIGHBOURS_H

#include "common/base/table.h"
#include "edge/protocol/client_address.h"

struct neighbour; /* one address */

struct neighbours {
    struct table by_key;
};

void neighbours_init(struct neighbours *neighbours);

/* All have left before (asserted). */
void neighbours_fini(struct neighbours *neighbours);

/* The connections of this address. */
size_t neighbours_count(const struct neighbours *neighbours, const struct client_address *address);

/* One connection more. What is returned is for neighbours_leave(), once. */
MUST_USE
struct neighbour *neighbours_enter(struct neighbours *neighbours,
                                   const struct client_address *address);

/* The connection has gone. Sets *neighbour to NULL; accepts NULL inside. */
void neighbours_leave(struct neighbours *neighbours, struct neighbour **neighbour);

#endif
