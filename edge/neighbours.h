/* Neighbours: what each client address has here, for MAX_CONNECTIONS_PER_ADDRESS.
 *
 *     by_key ─ 198.51.100.7 ──────▶ 3 connections, 1 client at its handshake
 *            └ 2001:db8:1:2::/64 ─▶ 1 connection      an IPv6 host has a whole /64 to choose from
 *
 * A connection counts while it has its socket, or its OPEN waits for the backend. An address is
 * here as long as it has anything: never more entries than connections and clients. Owned by the
 * edge; no I/O.
 */
#ifndef SLIP_EDGE_NEIGHBOURS_H
#define SLIP_EDGE_NEIGHBOURS_H

#include "common/base/list.h"
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

/* ---- clients before their handshake ---- */

/* One client more; `link` is its place among those of the address. What is returned is for
 * neighbours_depart(), once. */
MUST_USE
struct neighbour *neighbours_arrive(struct neighbours *neighbours,
                                    const struct client_address *address, struct list *link);

/* The client's handshake has come, or it has gone. As neighbours_leave(). */
void neighbours_depart(struct neighbours *neighbours, struct neighbour **neighbour,
                       struct list *link);

/* How many have arrived, and the link of the oldest (there is one: asserted). */
size_t neighbours_arrived(const struct neighbour *neighbour);
struct list *neighbours_oldest(const struct neighbour *neighbour);

#endif
