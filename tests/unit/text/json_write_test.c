#include "common/text/json.h"
#include "tests/unit/unit.h"

static void test_strings(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a \"quoted\" \\ word/", "\"a \\\"quoted\\\" \\\\ word/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"eight by\"and more than that\"", "\"eight by\\\"and more than that\\\"\""},
        {"gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80",
         "\"gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80\""},
    };
    struct buffer buffer = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        buffer_clear(&buffer);
        json_append_string(&buffer, span_text(cases[i].text));
        assert_span(buffer_span(&buffer), cases[i].json);
        assert_true(json_is_valid(buffer_span(&buffer)));
    }
    buffer_clear(&buffer);
    json_append_string(&buffer, span_of("\0", 1));
    assert_span(buffer_span(&buffer), "\"\\u0000\"");
    buffer_fini(&buffer);
}

/* An escape is found wherever it stands relative to the words that the loop reads. */
static void test_every_position(void **state)
{
    struct buffer buffer = {0};
    char text[40];

    (void)state;
    for (int byte = 0; byte < 128; byte++) {
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'a', sizeof text);
            text[at] = (char)byte;
            buffer_clear(&buffer);
            json_append_string(&buffer, span_of(text, sizeof text));
            assert_true(json_is_valid(buffer_span(&buffer)));
            bool needs_escape = byte < 0x20 || byte == '"' || byte == '\\';
            assert_int_equal(buffer.length > sizeof text + 2, needs_escape);
        }
    }
    buffer_fini(&buffer);
}

static void test_integers(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    json_append_integer(&buffer, INT64_MIN);
    buffer_append_byte(&buffer, ' ');
    json_append_integer(&buffer, 0);
    buffer_append_byte(&buffer, ' ');
    json_append_integer(&buffer, INT64_MAX);
    assert_span(buffer_span(&buffer), "-9223372036854775808 0 9223372036854775807");
    buffer_fini(&buffer);
}

static void test_foreign(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    json_append_foreign(&buffer, span_text("gr\xfc\xdf"
                                           "e\n\xff"));
    assert_span(buffer_span(&buffer), "\"gr\xc3\xbc\xc3\x9f"
                                      "e\\n\xc3\xbf\"");
    buffer_clear(&buffer);
    json_append_foreign(&buffer, span_text("gr\xc3\xbc\xc3\x9f"
                                           "e"));
    assert_span(buffer_span(&buffer), "\"gr\xc3\xbc\xc3\x9f"
                                      "e\"");
    buffer_clear(&buffer);
    json_append_foreign_escaped(&buffer, span_text("a\"\x80"));
    assert_span(buffer_span(&buffer), "a\\\"\xc2\x80");
    buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_every_position),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
