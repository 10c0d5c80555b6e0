/* What decodes is the one spelling of its bytes, and what is encoded decodes to itself. */
#include "common/text/base64.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct buffer bytes = {0}, again = {0};
    size_t length;
    char *room = buffer_reserve(&bytes, base64_decoded_room(size));
    if (base64_decode(text, room, &length) == 0) {
        base64_append(&again, span_of(room, length));
        ASSERT(span_equal(buffer_span(&again), text));
    }
    buffer_clear(&again);
    if (base64url_decode(text, room, &length) == 0) {
        base64url_append(&again, span_of(room, length));
        ASSERT(span_equal(buffer_span(&again), text));
    }
    buffer_fini(&bytes);
    buffer_fini(&again);
    return 0;
}
