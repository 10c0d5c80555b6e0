/* An opening: the handshake of a connection that is PENDING, and how it ends.
 *
 *     ACCEPT ─▶ 101 and OPEN            CLOSE with a status ─▶ HTTP answer, TOMBSTONE
 *     ACCEPT_TIMEOUT ─▶ 504, TOMBSTONE  client gone ─▶ TOMBSTONE
 *     ACK of OPEN: REFUSED, UNKNOWN ─▶ HTTP answer
 *
 * The edge decides (design §5): whatever comes first is the answer, everything later meets an OPEN
 * connection or a TOMBSTONE. Frames that the client sent right behind its handshake are kept here
 * and read once the 101 is written.
 */
#ifndef SLIP_EDGE_OPENING_H
#define SLIP_EDGE_OPENING_H

#include "common/base/list.h"
#include "common/wire/wire.h"
#include "edge/connection.h"
#include "edge/protocol/handshake.h"

struct opening {
    struct handshake handshake;
    struct buffer early;  /* bytes behind the handshake */
    struct list watchers; /* struct poll_watcher (polls.h): who waits for it to be open */
    int64_t began_us;
};

/* Takes over *handshake and copies `early`. */
MUST_USE
struct opening *opening_new(struct handshake *handshake, struct span early);
void opening_destroy(struct opening **opening);

/* ACCEPT. PENDING: the 101 is queued and the connection OPEN. TOMBSTONE: its CLOSE is owed. In any
 * other stage it is a repetition. */
void opening_accept(struct connection *connection, const struct record_command_body *body);

/* PENDING: the backend refuses, with a status of its choice. Otherwise nothing. */
void opening_refuse(struct connection *connection, const struct record_command_body *body);

/* PENDING: answers the client with a status of our own (502, 503, 504). */
void opening_answer(struct connection *connection, int status);

/* PENDING: the client is gone. */
void opening_abandon(struct connection *connection);

/* The batch with OPEN is finished. May forget the connection: then *connection is NULL. */
void opening_acknowledged(struct connection **connection, enum ack_outcome outcome, int status);

/* After the 101 is written: decodes the early frames, once. */
void opening_read_early(struct connection *connection);

#endif
