/* Batches on their way to the home router: sealed, sent once in each session with it, dropped when
 * acknowledged.
 *
 *     events ─ seal ─▶ sealed ─ BATCH ─▶ sent in this session ─ ACK ─▶ dropped
 *                        ▲                        │
 *                        └───── a new session ────┘
 */
#ifndef SLIP_EDGE_BATCH_H
#define SLIP_EDGE_BATCH_H

#include "common/base/base.h"

struct connection;
struct home;
struct message_ack;

/* The connection has events, or a place for a batch: looked at at the end of the turn. */
void batch_pump(struct connection *connection);

/* Seals and sends what can be, as long as the link takes it; the home's deferred work. */
void batch_pump_all(struct home *home);

/* A new session with a router: every sealed batch is to be sent again. */
void batch_begin_session(struct home *home);

void batch_on_ack(struct home *home, const struct message_ack *ack);

/* Sends every event that is left, above all limits, for the router to deliver without us. True
 * when all is sent; false while there is no home or its link is full: try again. */
MUST_USE
bool batch_hand_over(struct home *home);

#endif
