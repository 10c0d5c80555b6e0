/* The body of a webhook, as libslip reads it: each string ends with a NUL. */
#include "clients/c/slip.h"
#include "common/base/base.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slip_request *request;
    if (slip_request_parse((const char *)data, size, &request, NULL) != SLIP_OK)
        return 0;
    for (size_t i = 0; i < slip_request_connection_count(request); i++) {
        const struct slip_connection *connection = slip_request_connection(request, i);
        ASSERT(connection->id.length > 0 && connection->event_count > 0);
        for (size_t e = 0; e < connection->event_count; e++)
            ASSERT(connection->events[e].data.data[connection->events[e].data.length] == '\0');
    }
    slip_request_free(request);
    return 0;
}
