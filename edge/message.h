/* A message on its way to clients: the frame that all of them share, and for those that negotiated
 * permessage-deflate one compressed frame for each window size in use, made when the first of them
 * comes up.
 *
 * Lives on the stack of the command that sends it; the frames live on in the outboxes. One thread.
 */
#ifndef SLIP_EDGE_MESSAGE_H
#define SLIP_EDGE_MESSAGE_H

#include "edge/protocol/deflate.h"
#include "edge/shared_frame.h"

struct message {
    struct shared_frame *plain;
    struct span payload; /* inside `plain` */
    enum frame_opcode opcode;
    /* By window bits; `plain` once more where compression is not worth it; NULL: not tried yet. */
    struct shared_frame *deflated[DEFLATE_WINDOW_BITS_MAX + 1];
};

/* Builds the plain frame from a copy of `payload`. */
void message_init(struct message *message, enum frame_opcode opcode, struct span payload);
void message_fini(struct message *message);

/* The frame for a connection with these window bits (0: no deflate); the message's, to be
 * referenced by who keeps it. */
struct shared_frame *message_frame(struct message *message, struct deflate_engine *engine,
                                   uint8_t window_bits);

#endif
