/* The opening handshake of RFC 6455 §4.2: what a client asked for, and the answers to it.
 *
 *     request ─ handshake_init ─▶ struct handshake ─ (the backend accepts) ─▶ 101 …
 *                     └─▶ refusal (400, 426)                └─ (it refuses) ─▶ refusal.h
 *
 * A handshake keeps only what the 101 needs, so the request may be forgotten while the backend
 * decides. Owned by the pending connection; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_HANDSHAKE_H
#define SLIP_EDGE_PROTOCOL_HANDSHAKE_H

#include "edge/protocol/deflate.h"
#include "edge/protocol/request.h"

enum {
    HANDSHAKE_ACCEPT_LENGTH = 28,    /* base64 of a SHA-1 */
    HANDSHAKE_SUBPROTOCOLS_MAX = 64, /* more in one request are refused */
};

struct handshake {
    char accept[HANDSHAKE_ACCEPT_LENGTH + 1]; /* Sec-WebSocket-Accept */
    struct deflate_parameters deflate;        /* what the 101 answers; window_bits 0: no deflate */
    char *subprotocols;                       /* offered ones "a,b", or NULL; owned */
};

/* Validates a request (RFC 6455 §4.2.1) and takes over what it asks for.
 * `allow_deflate`: answer an acceptable offer of permessage-deflate.
 * 0: *ret_handshake is filled, handshake_fini() it.
 * -EBADMSG: *ret_refusal: 426 for a request that wants no WebSocket or another version of it,
 *   400 for one that is malformed (key, Connection, syntax of the lists). */
MUST_USE
int handshake_init(struct handshake *ret_handshake, const struct request *request,
                   bool allow_deflate, struct refusal *ret_refusal);

/* Accepts a zeroed one. */
void handshake_fini(struct handshake *handshake);

/* The offered subprotocols in the client's order: comma-separated tokens without blanks, for
 * span_split(); empty when none was offered. Lives as long as the handshake. */
struct span handshake_subprotocols(const struct handshake *handshake);

/* Did the client offer it? Case counts (RFC 6455 §4.1). */
bool handshake_offers(const struct handshake *handshake, struct span subprotocol);

/* Appends the 101 response. `subprotocol` is left out when it is empty or was not offered
 * (RFC 6455 §4.2.2: the client would fail the connection); headers that are not valid
 * (response_header_is_valid) are left out. */
void handshake_append_accepted(struct buffer *out, const struct handshake *handshake,
                               struct span subprotocol, const struct response_header *headers,
                               size_t header_count);

#endif
