/* The listening socket: takes in clients, a bounded number a turn, and rests a moment when the
 * process has no descriptor left (the level-triggered event would spin otherwise). */
#ifndef SLIP_EDGE_ACCEPTOR_H
#define SLIP_EDGE_ACCEPTOR_H

#include "common/process/loop.h"

struct edge;

struct acceptor {
    struct edge *edge;
    struct loop_source source; /* fd -1: not listening */
    struct loop_timer rest;
};

void acceptor_init(struct acceptor *acceptor, struct edge *edge);

/* Listens at EDGE_LISTEN, shared with other edges of this machine. 0, or -errno of listener_open.
 */
MUST_USE
int acceptor_open(struct acceptor *acceptor);

bool acceptor_is_open(const struct acceptor *acceptor);

/* Takes in what waits in the kernel's queue, so that nobody is reset, and stops listening. */
void acceptor_close(struct acceptor *acceptor);

#endif
