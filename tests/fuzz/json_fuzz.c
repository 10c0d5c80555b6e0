/* A string that is read, written and read again is the same; any bytes can be written. */
#include "common/text/json.h"
#include "tests/fuzz/fuzz.h"

static bool read_text(struct span text, struct buffer *ret_text)
{
    struct json_reader reader;
    size_t length;
    json_reader_init(&reader, text);
    struct json_value value = json_take_value(&reader);
    if (json_finish(&reader) < 0 || value.kind != JSON_STRING ||
        json_unescape(&value, buffer_reserve(ret_text, value.raw.length), &length) < 0)
        return false;
    buffer_commit(ret_text, length);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer first = {0}, written = {0}, second = {0};
    if (read_text(span_of(data, size), &first)) {
        json_append_string(&written, buffer_span(&first));
        ASSERT(read_text(buffer_span(&written), &second));
        ASSERT(span_equal(buffer_span(&first), buffer_span(&second)));
    }
    buffer_clear(&written);
    json_append_foreign(&written, span_of(data, size));
    ASSERT(json_is_valid(buffer_span(&written)));
    buffer_fini(&first);
    buffer_fini(&written);
    buffer_fini(&second);
    return 0;
}
