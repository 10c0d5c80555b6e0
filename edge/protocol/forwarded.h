/* The client's address behind proxies, from X-Forwarded-For.
 *
 *     X-Forwarded-For: forged, client, proxy1        peer: proxy2
 *                              ◀────── walk ──────────────┘
 *
 * Each proxy appends whom it talks to, so the list is believed from the right and as far as those
 * who wrote it are trusted: the first address that is not trusted is the client. An entry that
 * is no address stops the walk at the one before it. Pure function; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_FORWARDED_H
#define SLIP_EDGE_PROTOCOL_FORWARDED_H

#include "edge/protocol/client_address.h"
#include "edge/protocol/request.h"

/* The client's address. `peer` is who speaks to us: from accept() or the PROXY protocol. An entry
 * may carry a port, IPv6 then in brackets. `is_trusted` gets `context`. */
struct client_address
forwarded_client(const struct client_address *peer, const struct request *request,
                 bool (*is_trusted)(void *context, const struct client_address *address),
                 void *context);

#endif
