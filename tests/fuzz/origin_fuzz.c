/* Any details are read; what is taken from them is text that PostgreSQL can hold. */
#include "router/origin.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer scratch = {0};
    struct span ip = {0}, path = {0};
    origin_read(span_of(data, size), &scratch, &ip, &path);
    ASSERT(ip.length == 0 || !memchr(ip.data, '\0', ip.length));
    ASSERT(path.length == 0 || !memchr(path.data, '\0', path.length));
    buffer_fini(&scratch);
    return 0;
}
