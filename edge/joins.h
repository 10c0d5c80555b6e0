/* Joins: JOINs under way to the controls, and the receipts that wait for them.
 *
 *     channel ─▶ join: 2 controls left, held: [ SUBSCRIBE 17 of A, SUBSCRIBE 4 of B ]
 *                  ▲             ▲
 *     control A:   │ waits: [ packet 90, packet 91 ]
 *     control B:   └──────  [ packet 33 ]
 *
 * When a control has received a packet, or is not live any more, it is counted off; with the last
 * one the receipts leave, and the WATCHINGs.
 */
#ifndef SLIP_EDGE_JOINS_H
#define SLIP_EDGE_JOINS_H

#include "common/base/base.h"

struct channel;
struct control;
struct controls;
struct join;

/* The channel has its first member: JOIN to every control. */
void joins_begin(struct controls *controls, struct channel *channel);

/* The command's receipt waits for the channel's JOIN, which is under way. */
void joins_hold(struct join *join, struct control *control, uint64_t number);

/* The same for a WATCH: WATCHING waits. */
void joins_hold_watch(struct join *join, struct control *control);

/* The control has received all packets through `number`. */
void joins_received(struct controls *controls, struct control *control, uint64_t number);

/* The control is gone or silent: nothing waits for it. */
void joins_release(struct controls *controls, struct control *control);

#endif
