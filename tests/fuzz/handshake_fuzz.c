/* A client's first bytes, in two pieces: refused with an error, or answered with one 101. */
#include <errno.h>

#include "edge/protocol/handshake.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request_parser parser;
    struct request request;
    struct refusal refusal = {.status = 400};
    struct handshake handshake;
    struct buffer bytes = {0}, answer = {0};
    buffer_append(&bytes, data, size);
    request_parser_init(&parser, 4096);
    int r = request_parse(&parser, bytes.data, size / 2, &request, &refusal);
    r = r == -EAGAIN ? request_parse(&parser, bytes.data, size, &request, &refusal) : r;
    ASSERT(r != 0 || (request.consumed <= size && request.target.data[0] == '/'));
    r = r == 0 ? handshake_init(&handshake, &request, true, &refusal) : r;
    if (r == 0) {
        handshake_append_accepted(&answer, &handshake, handshake_subprotocols(&handshake), NULL, 0);
        handshake_fini(&handshake);
    }
    ASSERT(r == 0 || r == -EAGAIN || (r == -EBADMSG && refusal_status_is_valid(refusal.status)));
    buffer_fini(&bytes);
    buffer_fini(&answer);
    return 0;
}
