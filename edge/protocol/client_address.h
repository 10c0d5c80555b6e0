/* An address of a client: IPv4 or IPv6, without a port. One that is IPv4 in IPv6's clothes
 * (::ffff:192.0.2.1, what a dual-stack listener sees) is IPv4 here, so that networks and texts
 * need to know one form only. (An operator's host and port is common/process/address.h.) A value;
 * any thread. */
#ifndef SLIP_EDGE_PROTOCOL_CLIENT_ADDRESS_H
#define SLIP_EDGE_PROTOCOL_CLIENT_ADDRESS_H

#include <sys/socket.h>

#include "common/base/span.h"

enum { CLIENT_ADDRESS_TEXT_MAX = 46 }; /* with the final NUL */

struct client_address {
    uint8_t length;    /* of bytes: 4 or 16; 0: unknown */
    uint8_t bytes[16]; /* network order; those after length are 0 */
};

/* From 4 or 16 bytes in network order (asserted). */
struct client_address client_address_of_bytes(const void *bytes, size_t length);

/* From what accept() gave; unknown (length 0) for another family. */
struct client_address client_address_of_socket(const struct sockaddr *socket_address);

/* The address as a socket address with port 0, for what compares those; AF_UNSPEC when unknown. */
void client_address_to_socket(const struct client_address *address,
                              struct sockaddr_storage *ret_socket_address);

/* Reads "192.0.2.1" or "2001:db8::1" (RFC 4291 §2.2), nothing around it, no zone.
 * 0; -EINVAL: it is neither. */
MUST_USE
int client_address_parse(struct span text, struct client_address *ret_address);

/* Writes the text form with a final NUL ("unknown" when it is) and returns its length.
 * IPv6 as in RFC 5952. */
size_t client_address_format(const struct client_address *address,
                             char ret_text[CLIENT_ADDRESS_TEXT_MAX]);

bool client_address_equal(const struct client_address *a, const struct client_address *b);

#endif
