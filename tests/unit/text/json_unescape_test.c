#include <errno.h>

#include "common/text/json.h"
#include "tests/unit/unit.h"

static struct json_value string_of(const char *text)
{
    struct json_reader reader;

    json_reader_init(&reader, span_text(text));
    struct json_value value = json_take_value(&reader);
    assert_int_equal(json_finish(&reader), 0);
    return value;
}

static void test_texts(void **state)
{
    static const struct {
        const char *json;
        const char *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\nb\\nc\"", "a\nb\nc"},
        {"\"\\u0041\\u00e9\\u20AC\\uFFFF\"", "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf"},
        {"\"\\ud83d\\ude00\\ud800\\udc00\\udbff\\udfff\"",
         "\xf0\x9f\x98\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\"gr\xc3\xbc\\u00df\xe2\x82\xac\"", "gr\xc3\xbc\xc3\x9f\xe2\x82\xac"},
        {"\"\\\\u0041\"", "\\u0041"},
    };
    char text[64];
    size_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json_value value = string_of(cases[i].json);
        assert_true(json_string_is_text(&value));
        assert_int_equal(json_unescape(&value, text, &length), 0);
        assert_span(span_of(text, length), cases[i].text);
        assert_true(length <= value.raw.length);
    }
}

static void test_nul(void **state)
{
    struct json_value value = string_of("\"a\\u0000b\"");
    char text[16];
    size_t length;

    (void)state;
    assert_int_equal(json_unescape(&value, text, &length), 0);
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 3);
}

static void test_half_pairs(void **state)
{
    static const char *const halves[] = {"\"x\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
                                         "\"\\ud800\\\\udc00\""};
    char text[32];
    size_t length = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(halves); i++) {
        struct json_value value = string_of(halves[i]);
        assert_false(json_string_is_text(&value));
        assert_int_equal(json_unescape(&value, text, &length), -EINVAL);
    }
    assert_int_equal(length, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_half_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
