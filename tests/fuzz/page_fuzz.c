#include "control/page.h"
#include "tests/fuzz/fuzz.h"

/* The query of a listing: limit and cursor. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_target target;
    struct page page;
    const char *field;

    if (http_target_parse(span_of(data, size), &target) < 0)
        return 0;
    if (!page_parse(&target, 1000, &page, &field))
        ASSERT(page.limit >= 1 && page.limit <= 1000 && page.after_length <= PAGE_KEY_BYTES);
    http_target_fini(&target);
    return 0;
}
