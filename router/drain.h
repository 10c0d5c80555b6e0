/* How a router leaves: with nothing in flight, and without making clients wait for it.
 *
 *     SIGTERM ─▶ PAUSING ── no request in flight, all is written ──▶ signed off, stopped
 *                 │  ▲
 *       a request │  │ it has ended,
 *      takes long │  │ or DRAIN_SECONDS are over
 *                 ▼  │
 *                SERVING
 *
 * An edge has one home for all its connections, and the next one delivers again what is in flight
 * at this one. So nobody is sent away before a moment without requests in flight. Pausing (none is
 * begun) brings that moment; batches wait, and go to the next home. Where a request takes longer
 * than DRAIN_PAUSE_MS, the other connections are served until it has ended. When DRAIN_SECONDS are
 * over, it pauses for good; what is still in flight PEER_TIMEOUT later is cut off, and comes again.
 * PostgreSQL is waited for as long as for a request. A timer looks at all this many times a second.
 *
 * Edges that are gone have no other home: what they have left behind is delivered meanwhile. One
 * may go while the sign-off is on its way; then draining goes on, and the router signs off again.
 */
#ifndef SLIP_ROUTER_DRAIN_H
#define SLIP_ROUTER_DRAIN_H

#include "common/base/base.h"

struct router;

enum { DRAIN_PAUSE_MS = 1000 };

void drain_init(struct router *router);
void drain_fini(struct router *router);

/* Are connections of edges that can go elsewhere to wait now? False unless draining. */
bool drain_is_pausing(const struct router *router);

#endif
