#include "edge/shared_frame.h"

#include <stdlib.h>

static size_t all_bytes;

size_t shared_frames_bytes(void)
{
    return all_bytes;
}

static struct shared_frame *with_room(size_t length)
{
    ASSERT(length <= UINT32_MAX);
    struct shared_frame *frame = xmalloc(sizeof(*frame) + length);
    all_bytes += sizeof(*frame) + length;
    frame->references = 1;
    frame->length = (uint32_t)length;
    return frame;
}

struct shared_frame *shared_frame_new(enum frame_opcode opcode, bool compressed,
                                      struct span payload)
{
    char header[FRAME_HEADER_MAX];
    size_t header_length = frame_write_header(header, opcode, compressed, payload.length);
    struct shared_frame *frame = with_room(header_length + payload.length);
    memcpy(frame->bytes, header, header_length);
    if (payload.length > 0)
        memcpy(frame->bytes + header_length, payload.data, payload.length);
    return frame;
}

struct shared_frame *shared_frame_new_raw(struct span bytes)
{
    struct shared_frame *frame = with_room(bytes.length);
    if (bytes.length > 0)
        memcpy(frame->bytes, bytes.data, bytes.length);
    return frame;
}

struct shared_frame *shared_frame_new_close(uint16_t code, struct span reason)
{
    struct buffer buffer = {0};
    frame_append_close(&buffer, code, reason);
    struct shared_frame *frame = shared_frame_new_raw(buffer_span(&buffer));
    buffer_fini(&buffer);
    return frame;
}

struct shared_frame *shared_frame_ref(struct shared_frame *frame)
{
    ASSERT(frame->references < UINT32_MAX);
    frame->references++;
    return frame;
}

void shared_frame_unref(struct shared_frame **frame_place)
{
    struct shared_frame *frame = *frame_place;
    *frame_place = NULL;
    if (!frame)
        return;
    ASSERT(frame->references > 0);
    if (--frame->references > 0)
        return;
    all_bytes -= sizeof(*frame) + frame->length;
    free(frame);
}
