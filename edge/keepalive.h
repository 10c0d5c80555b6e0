/* The time-outs of a connection, by its stage, on one coarse timer each:
 *
 *     PENDING   ACCEPT_TIMEOUT                               504
 *     OPEN      PING_INTERVAL of silence                     a ping
 *               PING_TIMEOUT after it                        1006
 *               IDLE_TIMEOUT without a message               4000
 *               CONNECTION_LIFETIME                          4001
 *     CLOSING   CLOSE_TIMEOUT                                cut
 *
 * Traffic only notes the time; the timer, when it fires, looks at what was noted and goes on for
 * as long as is left. While a socket is not read (back-pressure) its ping and idle limits rest.
 */
#ifndef SLIP_EDGE_KEEPALIVE_H
#define SLIP_EDGE_KEEPALIVE_H

#include "edge/connection.h"

/* The callback of connection->timer. */
void keepalive_on_due(struct wheel_timer *timer);

/* Starts or stops the timer for what the connection's stage demands. */
void keepalive_arm(struct connection *connection);

/* The socket is read again after a pause: silence begins now. */
void keepalive_resume(struct connection *connection);

#endif
