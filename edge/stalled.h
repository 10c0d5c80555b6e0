/* The stalled: connections whose socket took no more, the one that took its last bytes first of all
 * in front.
 *
 *     flush ─ the socket is full ─▶ [ 9 s ago | 4 s ago | just now ] ─ all is written ─▶ not
 * stalled └─ goes first, when too much waits
 *
 * EDGE_SEND_LIMIT bounds what waits for all clients of the edge together: frames, each counted once
 * however many it waits for, and the queues that they wait in. Above it room is made at the end of
 * the turn: those that linger with bytes to write are cut, then whoever is in front here is closed
 * (1013, and what waits for it is dropped), or cut, if its close frame waits already. So those who
 * take nothing make room for those who go on.
 */
#ifndef SLIP_EDGE_STALLED_H
#define SLIP_EDGE_STALLED_H

#include "common/base/list.h"
#include "common/process/loop.h"

struct connection;
struct edge;

struct stalled {
    struct list in_order; /* struct connection */
    struct loop_deferred make_room;
};

void stalled_init(struct stalled *stalled);

/* No connection is left (asserted). */
void stalled_fini(struct stalled *stalled);

/* Its socket has taken `written` bytes, and no more. */
void stalled_note(struct connection *connection, size_t written);

/* Nothing of it waits for its socket any more. Harmless when it is not stalled. */
void stalled_end(struct connection *connection);

/* More waits than before, for one that is stalled. */
void stalled_check(struct edge *edge);

#endif
