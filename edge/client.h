/* A client: an accepted socket whose request has not arrived completely. There is no connection
 * yet, and nobody but this edge knows of it.
 *
 *     accepted ─▶ [PROXY header] ─▶ request head ─▶ admission.h
 *                      └──────┬─────────┘
 *                             ▼
 *                400, 405, 408, 414, 426, 431, 505 ─▶ linger.h
 *
 * Of one address as many are kept as it may have connections (MAX_CONNECTIONS_PER_ADDRESS), of all
 * as many as sockets.h says: for one more, the oldest is evicted. A trusted proxy's own address is
 * nobody's.
 */
#ifndef SLIP_EDGE_CLIENT_H
#define SLIP_EDGE_CLIENT_H

#include "common/process/loop.h"
#include "edge/protocol/client_address.h"
#include "edge/protocol/request.h"
#include "edge/protocol/timer_wheel.h"

struct edge;
struct neighbour;

struct client {
    struct list link; /* in edge->clients */
    struct edge *edge;
    struct loop_source source;
    struct wheel_timer deadline;
    struct client_address address; /* of who connected, or whom the PROXY protocol names */
    struct neighbour *neighbour;   /* of that address, if addresses are counted, or NULL */
    struct list neighbour_link;    /* its place there */
    bool expects_proxy;
    struct request_parser parser;
    struct buffer received;
};

/* Takes the socket. */
void client_begin(struct edge *edge, int fd, const struct sockaddr *address);

/* Answers with a status and forgets the client, whose socket lingers. `detail`: the body. */
void client_refuse(struct client **client, int status, struct span detail, bool head_only);

/* Forgets a client whose socket somebody else has taken over (loop_hand_over). */
void client_forget(struct client **client);

/* There is one (asserted). It is read once more; if its handshake is still not whole, it is told to
 * come again (503), as far as the socket takes that, and cut. */
void client_evict_oldest(struct edge *edge);

/* Cuts all clients. */
void client_cut_all(struct edge *edge);

#endif
