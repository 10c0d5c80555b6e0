/* A client's stream gives the same events whole and in chunks; the first byte says how to cut. */
#include <stdlib.h>

#include "edge/protocol/frame.h"
#include "tests/fuzz/fuzz.h"

static uint64_t digest(struct span bytes, size_t chunk, bool deflate)
{
    static struct frame_rules rules = {.message_limit = 2000};
    struct frame_decoder decoder;
    struct frame_event event;
    uint64_t sum = 0;
    rules.engine = rules.engine ? rules.engine : deflate_engine_new();
    frame_decoder_init(&decoder, &rules, deflate);
    for (size_t i = 0, length; i < bytes.length; i += length) {
        length = min_size(chunk, bytes.length - i);
        struct frame_input input = {xmemdup0(bytes.data + i, length), length};
        char *copy = input.data;
        while (frame_decode(&decoder, &input, &event) == 0) {
            ASSERT(event.data.length <= 2000);
            sum = sum * 31 + event.type * 7 + event.code + event.data.length * 65537;
            for (size_t k = 0; k < event.data.length; k++)
                sum = sum * 31 + (uint8_t)event.data.data[k];
        }
        free(copy);
    }
    frame_decoder_fini(&decoder);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t chunk = size ? 1 + data[0] % 64 : 1;
    struct span bytes = span_of(data, size);
    for (int deflate = 0; deflate < 2; deflate++)
        ASSERT(digest(bytes, chunk, deflate) == digest(bytes, SIZE_MAX, deflate));
    return 0;
}
