#include "common/contract/error.h"

#include "tests/unit/unit.h"

static void test_sentences(void **state)
{
    static const struct {
        struct contract_error error;
        const char *sentence;
    } cases[] = {
        {{3, "channel", "is too long", 812, 0, NULL}, "events[3].channel is too long (byte 812)"},
        {{0, "data", "is too long", 9, 100, "PUBLISH_LIMIT"},
         "events[0].data is too long: at most 100 bytes, PUBLISH_LIMIT (byte 9)"},
        {{0, "reason", "is too long", 9, 123, NULL},
         "events[0].reason is too long: at most 123 bytes (byte 9)"},
        {{0, NULL, "is not an object", 11, 0, NULL}, "events[0] is not an object (byte 11)"},
        {{CONTRACT_ERROR_NO_INDEX, "events", "is missing", 2, 0, NULL},
         "events is missing (byte 2)"},
        {{CONTRACT_ERROR_NO_INDEX, NULL, "ends too early", 0, 0, NULL},
         "the body ends too early (byte 0)"},
        {{1, "connectionId", "has no OPEN in this request", CONTRACT_ERROR_NO_POSITION, 0, NULL},
         "events[1].connectionId has no OPEN in this request"},
    };
    struct buffer buffer = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        buffer_clear(&buffer);
        contract_error_append(&cases[i].error, &buffer);
        assert_span(buffer_span(&buffer), cases[i].sentence);
    }
    buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sentences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
