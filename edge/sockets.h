/* Sockets: how many descriptors clients may hold here, and who gives one up for another.
 *
 *     RLIMIT_NOFILE = our own ─ RESERVE, for links and admin pages to come ─ the clients' share
 *     the share     = connections, an eighth less than all of it at most
 *                   + clients, whose handshake is still to come (client.h)
 *                   + those that linger, with their last bytes to write (linger.h)
 *
 * Who is a connection stays. The others pass: when there are too many of them, or all descriptors
 * of the share are taken, the oldest one goes, first of those that linger. So whoever only connects
 * and says nothing keeps nobody out, and who comes when the edge is full still hears so.
 */
#ifndef SLIP_EDGE_SOCKETS_H
#define SLIP_EDGE_SOCKETS_H

#include "common/base/base.h"

struct edge;

enum {
    SOCKETS_RESERVE = 64,        /* descriptors that clients never get */
    SOCKETS_PASSING_MAX = 10000, /* clients before their handshake; as many may linger */
};

struct sockets {
    size_t share;           /* descriptors for clients */
    size_t max_connections; /* MAX_CONNECTIONS, or fewer, as the share allows */
};

/* How `descriptors` are shared out, of which `own` are taken before the first client comes. When
 * there are too few for the reserve, it is half of them. */
struct sockets sockets_share(size_t descriptors, size_t own, size_t max_connections);

/* The edge listens now, and has accepted nobody. Warns when MAX_CONNECTIONS does not fit. */
void sockets_begin(struct edge *edge);

/* A client was taken in: cuts the oldest ones that pass while there are too many. */
void sockets_make_room(struct edge *edge);

#endif
