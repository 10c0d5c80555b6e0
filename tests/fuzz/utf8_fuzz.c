/* In one piece and in two pieces, cut anywhere, the answer is the same. */
#include "common/text/utf8.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut = size > 0 ? data[0] % size : 0;
    struct span text = span_of(data, size);
    struct utf8_state state = {0};
    bool good = utf8_feed(&state, span_of(text.data, cut)) &&
                utf8_feed(&state, span_of(text.data + cut, size - cut));
    ASSERT((good && utf8_is_complete(&state)) == utf8_is_valid(text));
    ASSERT(utf8_is_valid(span_of(text.data, utf8_valid_length(text))));
    return 0;
}
