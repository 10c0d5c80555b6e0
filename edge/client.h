/* A client: an accepted socket whose request has not arrived completely. There is no connection
 * yet, and nobody but this edge knows of it.
 *
 *     accepted ─▶ [PROXY header] ─▶ request head ─▶ admission.h
 *                      └──────┬─────────┘
 *                             ▼
 *                400, 405, 408, 414, 426, 431, 505 ─▶ linger.h
 */
#ifndef SLIP_EDGE_CLIENT_H
#define SLIP_EDGE_CLIENT_H

#include "common/process/loop.h"
#include "edge/protocol/client_address.h"
#include "edge/protocol/request.h"
#include "edge/protocol/timer_wheel.h"

struct edge;

struct client {
    struct list link; /* in edge->clients */
    struct edge *edge;
    struct loop_source source;
    struct wheel_timer deadline;
    struct client_address address; /* of who connected, or whom the PROXY protocol names */
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

/* Cuts all clients. */
void client_cut_all(struct edge *edge);

#endif
