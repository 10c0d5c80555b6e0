/* Sets of IP networks in CIDR notation (RFC 4632, RFC 4291 §2.3): whom to believe. */
#ifndef SLIP_PROCESS_NETWORK_H
#define SLIP_PROCESS_NETWORK_H

#include <sys/socket.h>

#include "common/base/span.h"

/* IPv4 is kept in its v4-mapped form (::ffff:a.b.c.d), so that one comparison serves both. */
struct network {
    unsigned char prefix[16];
    unsigned int bits; /* of the 128 that must agree */
};

struct network_list {
    struct network *items;
    size_t count;
};

/* Parses comma-separated networks, `10.0.0.0/8,::1`; without a length it is one address. Empty text
 * is an empty list. Bits behind the length must be 0. Returns 0 or -EINVAL. */
MUST_USE
int network_list_parse(struct span text, struct network_list *ret_list);
void network_list_fini(struct network_list *list);

enum { NETWORK_TEXT_SIZE = 56 };

/* Writes `address/length` into NETWORK_TEXT_SIZE characters, IPv4 in its own form. */
void network_format(const struct network *network, char ret_text[NETWORK_TEXT_SIZE]);

/* Is the address (AF_INET, AF_INET6, v4-mapped included) in one of the networks? Other families
 * never are. */
bool network_contains(const struct network_list *list, const struct sockaddr *address);

#endif
