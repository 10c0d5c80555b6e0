/* Any bytes as an offer, as a compressed message, and as a message to compress. */
#include "edge/protocol/deflate.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct deflate_engine *engine = deflate_engine_new();
    struct deflate_parameters parameters = {.window_bits = 15};
    struct span input = span_of(data, size), message;
    struct buffer packed = {0};
    (void)!deflate_negotiate(input, &parameters);
    (void)!deflate_inflate(engine, input, 100000, &message);
    if (deflate_compress(engine, parameters.window_bits, input, &packed))
        ASSERT(deflate_inflate(engine, buffer_span(&packed), size, &message) == 0 &&
               span_equal(message, input));
    buffer_fini(&packed);
    deflate_engine_destroy(&engine);
    return 0;
}
