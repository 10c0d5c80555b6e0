/* What an edge says about its connections, one handler a message. From an edge that is not at home
 * here, or of a connection that nobody knows, it is ignored. */
#ifndef SLIP_ROUTER_FACT_H
#define SLIP_ROUTER_FACT_H

#include "common/wire/link.h"

struct router;

void fact_on_batch(struct router *router, struct link *link, const struct wire_message *message);
void fact_on_opened(struct router *router, struct link *link, const struct wire_message *message);
void fact_on_subscribed(struct router *router, struct link *link,
                        const struct wire_message *message);
void fact_on_unsubscribed(struct router *router, struct link *link,
                          const struct wire_message *message);
void fact_on_metadata(struct router *router, struct link *link, const struct wire_message *message);

#endif
