/* What both of the edge's sets of links share: how it introduces itself, and where it connects. */
#ifndef SLIP_EDGE_PEERS_H
#define SLIP_EDGE_PEERS_H

#include "common/process/address.h"
#include "common/wire/link.h"
#include "edge/edge.h"

/* Connects to every address; logs why when it fails. 0 or -errno of link_set_connect. */
MUST_USE
int peers_connect(struct edge *edge, const struct address_list *addresses, const char *role,
                  const struct link_handlers *handlers, void *context, struct link_set **ret_set);

/* Log lines of a link: at info when it comes, goes, or refuses us. */
void peers_log_up(const char *message, const struct link *link);
void peers_log_down(const char *message, const struct link *link);
void peers_log_refused(const char *message, const struct link *link, struct span reason);

#endif
