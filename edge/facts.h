/* Facts: what has become of a connection, told to the home router as it happens, in order with its
 * batches. While there is no home they are not kept: the router that adopts us pulls a snapshot.
 */
#ifndef SLIP_EDGE_FACTS_H
#define SLIP_EDGE_FACTS_H

#include "common/base/span.h"

struct connection;

/* Its OPEN is accepted, and its client gets the 101. */
void facts_tell_opened(const struct connection *connection);

/* Its metadata is another. */
void facts_tell_metadata(const struct connection *connection);

void facts_tell_subscribed(const struct connection *connection, struct span channel);
void facts_tell_unsubscribed(const struct connection *connection, struct span channel);

#endif
