/* Commands from control, applied once each, at once, in the order they come.
 *
 * Applied means: queued on the socket, or the socket is closing. A command for a connection that
 * is not there or not open has no effect, and that is its result.
 */
#ifndef SLIP_EDGE_COMMAND_H
#define SLIP_EDGE_COMMAND_H

#include "common/wire/wire.h"

struct edge;
struct control;

/* Applies the command unless it repeats one (its number, or its origin), and receipts it, now or
 * when the JOIN it waits for has been received (controls.h). */
void command_apply(struct edge *edge, struct control *control,
                   const struct message_command *command);

#endif
