#include "tests/unit/control/fake_link.h"

void fake_link_init(struct link *link)
{
    *link = (struct link){.is_current = true};
}

void fake_link_fini(struct link *link)
{
    buffer_fini(&link->packet);
}

struct buffer *link_packet(struct link *link)
{
    return &link->packet;
}

bool link_is_full(const struct link *link)
{
    return link->is_full;
}

bool link_is_current(const struct link *link, int64_t limit_ms)
{
    (void)limit_ms;
    return link->is_current;
}

size_t fake_link_take(struct link *link, struct fake_link_command ret_commands[FAKE_LINK_COMMANDS])
{
    static char text[1 << 16];
    struct wire_decoder decoder;
    struct wire_message message;
    size_t count = 0;

    ASSERT(link->packet.length <= sizeof text);
    if (link->packet.length > 0)
        memcpy(text, link->packet.data, link->packet.length);
    struct span rest = span_of(text, link->packet.length);
    wire_decoder_init(&decoder);
    wire_decoder_reset(&decoder);
    while (rest.length > 0) {
        int error = wire_decode_next(&decoder, &rest, &message);
        ASSERT(error == 0 && message.id == MESSAGE_COMMAND && count < FAKE_LINK_COMMANDS);
        const struct record_command_body *body = message.as.command.body.items;
        ret_commands[count++] = (struct fake_link_command){.number = message.as.command.number,
                                                           .type = body->type,
                                                           .target = body->target,
                                                           .data = body->data,
                                                           .origin = message.as.command.origin};
    }
    wire_decoder_fini(&decoder);
    buffer_clear(&link->packet);
    return count;
}
