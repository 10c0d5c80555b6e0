/* The PROXY protocol, versions 1 and 2 (HAProxy's specification): a line or a binary header in
 * front of everything else, in which a proxy says whose connection it forwards. Believe it from
 * trusted peers only. Pure function; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_PROXY_PROTOCOL_H
#define SLIP_EDGE_PROTOCOL_PROXY_PROTOCOL_H

#include "edge/protocol/client_address.h"

/* Longest header accepted, TLVs included; a peer that announces more is malformed. */
enum { PROXY_PROTOCOL_MAX = 4096 };

struct proxy_header {
    bool has_source;              /* false: LOCAL, UNKNOWN or no IP: the peer speaks for itself */
    struct client_address source; /* the client's, when has_source */
    size_t consumed;              /* length of the header; the handshake follows */
};

/* Reads the header at the beginning of all bytes received so far. TLVs are skipped.
 * 0: *ret_header; -EAGAIN: more bytes are needed; -EBADMSG: this is no PROXY header (found with
 * the first byte that is not of a signature). */
MUST_USE
int proxy_protocol_parse(struct span received, struct proxy_header *ret_header);

#endif
