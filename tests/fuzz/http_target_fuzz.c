#include "common/process/http_target.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_target target;
    struct span value = span_text(NULL);
    if (http_target_parse(span_of(data, size), &target) < 0)
        return 0;
    ASSERT(target.segment_count <= HTTP_TARGET_SEGMENTS && target.path.length > 0);
    (void)http_target_parameter(&target, "limit", &value);
    ASSERT(value.length <= size);
    http_target_fini(&target);
    return 0;
}
