#include "edge/message.h"

void message_init(struct message *message, enum frame_opcode opcode, struct span payload)
{
    *message = (struct message){.opcode = opcode};
    message->plain = shared_frame_new(opcode, false, payload);
    message->payload =
        span_of(message->plain->bytes + message->plain->length - payload.length, payload.length);
}

void message_fini(struct message *message)
{
    for (size_t i = 0; i < ARRAY_LENGTH(message->deflated); i++)
        shared_frame_unref(&message->deflated[i]);
    shared_frame_unref(&message->plain);
}

static struct shared_frame *compress(struct message *message, struct deflate_engine *engine,
                                     uint8_t window_bits)
{
    struct buffer payload = {0};
    struct shared_frame *frame;
    if (deflate_compress(engine, window_bits, message->payload, &payload))
        frame = shared_frame_new(message->opcode, true, buffer_span(&payload));
    else
        frame = shared_frame_ref(message->plain);
    buffer_fini(&payload);
    return frame;
}

struct shared_frame *message_frame(struct message *message, struct deflate_engine *engine,
                                   uint8_t window_bits)
{
    if (window_bits == 0)
        return message->plain;
    ASSERT(window_bits <= DEFLATE_WINDOW_BITS_MAX);
    if (!message->deflated[window_bits])
        message->deflated[window_bits] = compress(message, engine, window_bits);
    return message->deflated[window_bits];
}
