/* What decodes can be encoded, and then decodes to the same. */
#include "common/wire/wire.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_decoder decoder;
    struct wire_message message, again;
    struct buffer first = {0}, second = {0};
    wire_decoder_init(&decoder);
    for (struct span rest = span_of(data, size); rest.length > 0;) {
        size_t before = rest.length;
        int rc = wire_decode_next(&decoder, &rest, &message);
        ASSERT(decoder.used_bytes <= WIRE_ARENA_BASE_BYTES + WIRE_AMPLIFICATION * size);
        if (rc == 0) {
            buffer_clear(&first), buffer_clear(&second);
            wire_put_message(&first, &message);
            struct wire_decoder other = {0};
            struct span copy = buffer_span(&first);
            ASSERT(wire_decode_next(&other, &copy, &again) == 0 && copy.length == 0);
            wire_put_message(&second, &again);
            ASSERT(span_equal(buffer_span(&first), buffer_span(&second)));
            wire_decoder_fini(&other);
        } else if (rest.length == before) {
            break;
        }
    }
    wire_decoder_fini(&decoder);
    buffer_fini(&first), buffer_fini(&second);
    return 0;
}
