/* What a connection id says: `<edge id><random>`, both URL-safe characters. The edge that holds a
 * connection is in its name, so no command needs a look-up. */
#ifndef SLIP_CONTROL_CONNECTION_ID_H
#define SLIP_CONTROL_CONNECTION_ID_H

#include "common/base/span.h"

enum { EDGE_ID_LENGTH = 10, CONNECTION_ID_LENGTH = 26 };

/* EDGE_ID_LENGTH characters of A-Z a-z 0-9 - _ */
MUST_USE
bool edge_id_is_valid(struct span id);

/* The edge id inside a connection id. 0, or -EINVAL: no edge ever gave out such an id. */
MUST_USE
int connection_id_edge(struct span connection, struct span *ret_edge);

#endif
