/* X-Forwarded-For, read by one who trusts every address: the whole list is walked. */
#include "edge/protocol/forwarded.h"
#include "tests/fuzz/fuzz.h"

static bool trust_all(void *context, const struct client_address *address)
{
    return !context && address->length > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request = {.header_count = 1};
    char text[CLIENT_ADDRESS_TEXT_MAX];
    struct client_address peer = client_address_of_bytes("\x0a\0\0\1", 4), again;
    request.headers[0] =
        (struct request_header){span_of("x-forwarded-for", 15), span_of(data, size)};
    struct client_address client = forwarded_client(&peer, &request, trust_all, NULL);
    size_t length = client_address_format(&client, text);
    ASSERT(client_address_parse(span_of(text, length), &again) == 0);
    ASSERT(client_address_equal(&client, &again));
    return 0;
}
