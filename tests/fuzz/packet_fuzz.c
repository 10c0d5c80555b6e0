/* A header that is taken is put again as itself, and leaves the messages alone. */
#include "common/wire/wire.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet_header header, again;
    struct span rest = span_of(data, size);
    struct buffer frame = {0};
    if (packet_header_take(&rest, &header) == 0) {
        packet_header_put(&frame, &header);
        buffer_append_span(&frame, rest);
        struct span copy = buffer_span(&frame);
        ASSERT(packet_header_take(&copy, &again) == 0 && span_equal(copy, rest));
        ASSERT(memcmp(&header, &again, sizeof header) == 0);
    }
    buffer_fini(&frame);
    return 0;
}
