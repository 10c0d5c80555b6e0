/* Admission: a complete request becomes a pending connection, or is refused at once.
 *
 * Plain HTTP and malformed handshakes get their 4xx. When the edge is full, draining, has no home
 * router, is too far behind the backend or is asked too often, the answer is 503: a client that
 * tries again may meet another edge. When its address has too many connections here, it is 429.
 */
#ifndef SLIP_EDGE_ADMISSION_H
#define SLIP_EDGE_ADMISSION_H

#include "edge/client.h"

/* Is this a trusted proxy, which speaks for the clients behind it? */
bool admission_trusts(const struct edge *edge, const struct client_address *address);

/* Decides on the client, which is gone after it. The request stands at the beginning of
 * client->received; what follows it there are early frames. */
void admission_decide(struct client **client, const struct request *request);

#endif
