/* The traffic on a connection: reading frames, writing what is queued, and not reading while the
 * backend is behind.
 *
 * What is sent in a turn is queued first and written at its end, so that several frames for one
 * client leave in one call; a publish to very many is written over several turns, in the order of
 * the queues (a frame in a queue is a command applied).
 */
#ifndef SLIP_EDGE_TRAFFIC_H
#define SLIP_EDGE_TRAFFIC_H

#include "edge/connection.h"

enum {
    TRAFFIC_READ_BYTES = 64 << 10, /* read from one client in one turn */
    TRAFFIC_SEND_BUFFER = 64 << 10,
};

/* Queues a frame of a message (the frame is referenced). Nothing happens unless OPEN. A client
 * whose queue is full, also after an attempt to write it, is closed with 1013. True: it is queued.
 */
bool traffic_send(struct connection *connection, struct shared_frame *frame);

/* The callback of connection->source. */
void traffic_on_event(struct loop_source *source, uint32_t events);

/* Asks epoll for what the connection wants now. */
void traffic_watch(struct connection *connection);

/* The outbox is written at the end of this turn. */
void traffic_mark_dirty(struct connection *connection);

/* The connection gives up its socket: epoll forgets it, what waits for it in lists too. Returns the
 * descriptor; the outbox stays. */
MUST_USE
int traffic_detach(struct connection *connection);

/* Bytes that a read brought, or that came right behind the handshake, or were left when the
 * connection was paused. What it may not take now is copied and taken later (inbox.h). */
void traffic_take(struct connection *connection, char *data, size_t length);

static inline bool traffic_is_paused(const struct connection *connection)
{
    return list_is_linked(&connection->pause_link);
}

/* Writes what the socket takes now. */
void traffic_flush(struct connection *connection);

/* Writes the outboxes of all dirty connections, a slice a call; the edge's deferred work. */
void traffic_flush_dirty(struct edge *edge);

/* Sends a ping; the client has PING_TIMEOUT to send anything. */
void traffic_ping(struct connection *connection);

/* Pauses or resumes reading as the connection's and the edge's queues of events demand. */
void traffic_check_pause(struct connection *connection);

/* Resumes all that may be read again: the edge's queue has room. */
void traffic_resume_paused(struct edge *edge);

/* Decodes what resumed connections have left, a slice a call; the edge's deferred work. */
void traffic_read_on(struct edge *edge);

#endif
