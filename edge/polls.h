/* Polls: controls that wait for a pending connection to be open (POLL_FOR_CONNECTION). They wait in
 * its opening, whose time is bounded, and are answered by POLLED when it has ended. */
#ifndef SLIP_EDGE_POLLS_H
#define SLIP_EDGE_POLLS_H

#include "edge/controls.h"
#include "edge/opening.h"

/* Answers at once, or when the opening of the connection (NULL: unknown) has ended. */
void polls_watch(struct controls *controls, struct control *control, uint64_t number,
                 struct connection *connection);

/* The opening has ended; all who wait are told. */
void polls_answer(struct controls *controls, struct opening *opening, bool is_open);

#endif
