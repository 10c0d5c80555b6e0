/* A linger: a socket that has only its last bytes to write, and then time to be read.
 *
 *     write the rest ─▶ shutdown(WR) ─▶ read and discard until the client's FIN ─▶ close
 *
 * Closing a socket with unread bytes in it sends a reset, which can overtake the answer on its way
 * to the client (RFC 9112 §9.6). So HTTP refusals and last close frames leave this way: bounded,
 * for writing by CLOSE_TIMEOUT, for the FIN by LINGER_READ_MS.
 */
#ifndef SLIP_EDGE_LINGER_H
#define SLIP_EDGE_LINGER_H

#include "edge/outbox.h"

struct edge;

enum { LINGER_READ_MS = 2000 };

/* Takes the socket (no longer watched by epoll) and what is in the outbox. */
void linger_begin(struct edge *edge, int fd, struct outbox *rest);

/* There is one (asserted). */
void linger_cut_oldest(struct edge *edge);

/* Cuts those that have bytes to write, the oldest first, as long as `is_too_much`. */
void linger_cut_unwritten(struct edge *edge, bool (*is_too_much)(const struct edge *edge));

/* Cuts all that linger. */
void linger_cut_all(struct edge *edge);

#endif
