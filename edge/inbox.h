/* An inbox: what was read from one client's socket, and is no event yet.
 *
 *     a read: [ frame | frame | frame | frame | fra ]
 *                 │       │   └─ the rest: kept ─┘ └▶ in the end an unfinished message (frame.h)
 *                 └───────┴▶ events, until the connection must pause (traffic.h)
 *
 * There is one while there is something in it; a connection that rests has none. The rest is at
 * most a read's, and is decoded before more is read.
 *
 * Unfinished messages are bounded by EDGE_UNFINISHED_LIMIT for all connections together. Reading
 * less would not help against them, since only their clients can finish them; so above the limit
 * the one that began first is cut (1013). Who stalls makes room in this way for who goes on.
 */
#ifndef SLIP_EDGE_INBOX_H
#define SLIP_EDGE_INBOX_H

#include "common/base/buffer.h"
#include "common/base/list.h"

struct connection;
struct edge;

struct inbox {
    struct connection *connection;
    struct buffer rest;      /* its memory is counted in edge->rest_bytes */
    struct list link;        /* in edge->unfinished, in the order in which messages began */
    size_t unfinished_bytes; /* that its decoder holds, counted in edge->unfinished_bytes */
};

/* After decoding: keeps a copy of what is left of the input, and notes what the decoder holds.
 * `has_finished`: a message was complete, so one that is unfinished now began after it. */
void inbox_update(struct connection *connection, struct span left, bool has_finished);

bool inbox_has_rest(const struct connection *connection);

/* The rest, which is the caller's now. */
MUST_USE
struct buffer inbox_take_rest(struct connection *connection);

/* Drops everything. (The unfinished message is the decoder's.) */
void inbox_fini(struct connection *connection);

/* Cuts unfinished messages above the limit, the one that began first before the others; never the
 * only one, which MESSAGE_LIMIT bounds. */
void inbox_enforce_limit(struct edge *edge);

#endif
