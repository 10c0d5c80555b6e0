/* A PROXY header that is complete stays the same with more behind it and asks for all of itself. */
#include <errno.h>

#include "edge/protocol/proxy_protocol.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header;
    if (proxy_protocol_parse(span_of(data, size), &header) < 0)
        return 0;
    ASSERT(header.consumed <= size && header.consumed <= PROXY_PROTOCOL_MAX);
    ASSERT(header.has_source == (header.source.length != 0));
    ASSERT(proxy_protocol_parse(span_of(data, header.consumed), &header) == 0);
    ASSERT(proxy_protocol_parse(span_of(data, header.consumed - 1), &header) == -EAGAIN);
    return 0;
}
