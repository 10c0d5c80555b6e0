/* A place in the network as an operator writes it: `host:port`, `1.2.3.4:port`, `[::1]:port`.
 *
 * The host is kept as text, without brackets; turning names into addresses is done by whoever
 * connects. Whoever holds the structure owns its strings.
 */
#ifndef SLIP_PROCESS_ADDRESS_H
#define SLIP_PROCESS_ADDRESS_H

#include "common/base/span.h"

enum { ADDRESS_TEXT_SIZE = 280 }; /* room for any address_format */

struct address {
    char *host;
    uint16_t port;
};

struct address_list {
    struct address *items;
    size_t count;
};

/* Parses one address. The host is a name (letters, digits, `-`, `.`, `_`), an IPv4 address, or an
 * IPv6 address in brackets; the port is at least `minimum_port`. Returns 0 or -EINVAL. */
MUST_USE
int address_parse(struct span text, uint16_t minimum_port, struct address *ret_address);
void address_fini(struct address *address);

/* Parses one or more comma-separated addresses with ports above 0. Returns 0 or -EINVAL. */
MUST_USE
int address_list_parse(struct span text, struct address_list *ret_list);
void address_list_fini(struct address_list *list);

/* Writes `host:port`, with brackets around an IPv6 host, into ADDRESS_TEXT_SIZE characters. */
void address_format(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]);

#endif
