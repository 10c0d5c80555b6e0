/* Watches: channels of which a control wants to know what is published, for those who tail them.
 *
 *     WATCH ─▶ the channel is kept, as with a member ─ JOIN ─▶ every control … received by all
 *                                                                    ─ WATCHING ─▶
 *     a publish is applied ─▶ its members, and WATCHED ─▶ each control that watches
 *
 * So one edge sees every publish, through whichever control it comes. A watch ends with the session
 * of its control. What a control does not read in time is left out, and counted. One thread.
 */
#ifndef SLIP_EDGE_WATCH_H
#define SLIP_EDGE_WATCH_H

#include "common/wire/wire.h"

struct channel;
struct control;
struct edge;

/* The control begins or ends to watch a channel; one that it watches already is confirmed again. */
void watch_change(struct edge *edge, struct control *control, const struct message_watch *wish);

/* Its session is over. */
void watch_end_all(struct edge *edge, struct control *control);

/* This was published. */
void watch_tell(struct edge *edge, const struct channel *channel, bool is_binary, struct span data,
                uint64_t published_us);

#endif
