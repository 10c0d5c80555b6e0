#include "common/text/json.h"

#include <errno.h>

#include "tests/unit/unit.h"

static struct json_reader reader_of(const char *text)
{
    struct json_reader reader;

    json_reader_init(&reader, span_text(text));
    return reader;
}

static void test_valid(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1.5e+10",
        "1E5",
        "0.25",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n} ",
        "[1,2,[3]]",
        "{\"a\":1,\"b\":[{}]}",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "{\"\":null}",
        "{\"a\":1,\"a\":2}",
        "[\"\xc3\xbc \xc3\x9f\"]",
        "\"\x7f\"",
        "\"a string of more than eight bytes\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(json_is_valid(span_text(good[i])));
}

static void test_invalid(void **state)
{
    static const struct {
        const char *text;
        const char *error;
        size_t position;
    } bad[] = {
        {"", "ends too early", 0},
        {"  ", "ends too early", 2},
        {"{", "ends too early", 1},
        {"[", "ends too early", 1},
        {"[1", "ends too early", 2},
        {"[1,", "ends too early", 3},
        {"{\"a\"", "ends too early", 4},
        {"{\"a\":", "ends too early", 5},
        {"{\"a\":1", "ends too early", 6},
        {"{\"a\":1,", "ends too early", 7},
        {"\"abc", "ends too early", 4},
        {"[1,]", "lacks a value", 3},
        {"[,1]", "lacks a value", 1},
        {"{,}", "lacks a key", 1},
        {"{\"a\":1,}", "lacks a key", 7},
        {"{a:1}", "lacks a key", 1},
        {"{\"a\" 1}", "lacks a colon", 5},
        {"{\"a\":}", "lacks a value", 5},
        {"[1 2]", "lacks a comma", 3},
        {"{\"a\":1 \"b\":2}", "lacks a comma", 7},
        {"[1}", "lacks a comma", 2},
        {"{\"a\":1]", "lacks a comma", 6},
        {"1 2", "goes on after its end", 2},
        {"{}x", "goes on after its end", 2},
        {"01", "goes on after its end", 1},
        {"[01]", "lacks a comma", 2},
        {"-", "holds a malformed number", 1},
        {"1.", "holds a malformed number", 2},
        {"1e", "holds a malformed number", 2},
        {"1e+", "holds a malformed number", 3},
        {".5", "lacks a value", 0},
        {"+1", "lacks a value", 0},
        {"-a", "holds a malformed number", 1},
        {"nul", "holds an unknown word", 0},
        {"trux", "holds an unknown word", 0},
        {"True", "lacks a value", 0},
        {"NaN", "lacks a value", 0},
        {"'a'", "lacks a value", 0},
        {"\"\\x\"", "holds a malformed escape", 1},
        {"\"\\u12\"", "holds a malformed escape", 1},
        {"\"\\u12g4\"", "holds a malformed escape", 1},
        {"\"a\\", "holds a malformed escape", 2},
        {"\"a\nb\"", "holds a control character in a string", 2},
        {"\"123456789\x1f\"", "holds a control character in a string", 10},
        {"\"\x80\"", "is not UTF-8", 1},
        {"[1]\xff", "is not UTF-8", 3},
        {"\xef\xbb\xbf{}", "lacks a value", 0},
        {"/* */ 1", "lacks a value", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct json_reader reader = reader_of(bad[i].text);
        json_skip(&reader);
        assert_int_equal(json_finish(&reader), -EINVAL);
        assert_string_equal(reader.error, bad[i].error);
        assert_int_equal(reader.error_position, bad[i].position);
        assert_false(json_is_valid(span_text(bad[i].text)));
    }
    assert_false(json_is_valid(span_of(NULL, 0)));
    assert_false(json_is_valid(span_of("\"a\0b\"", 5)));
    assert_false(json_is_valid(span_of("\"\\\0\"", 4)));
}

static void test_depth(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 2];

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_true(json_is_valid(span_of(text, 2 * (size_t)JSON_DEPTH_MAX)));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    struct json_reader reader;
    json_reader_init(&reader, span_of(text, sizeof text));
    json_skip(&reader);
    assert_int_equal(json_finish(&reader), -EINVAL);
    assert_string_equal(reader.error, "is nested too deeply");
    assert_int_equal(reader.error_position, JSON_DEPTH_MAX);
}

static void test_walk(void **state)
{
    struct json_reader reader =
        reader_of(" {\"skip\":[{\"a\":[]}],\"n\":-7,\"on\":true,\"off\":false,\"none\":null,"
                  "\"text\":\"x\",\"raw\": { \"b\" : 1 } ,\"list\":[1,2,3],\"real\":2.5} ");
    int64_t n = 0, sum = 0;
    double real = 0;
    bool on = false, off = true;
    struct span key, raw = {0};
    struct json_value text = {0};
    unsigned members = 0;

    (void)state;
    assert_int_equal(json_peek(&reader), JSON_OBJECT);
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        members++;
        if (span_is(key, "n"))
            n = json_take_integer(&reader, -7, 0);
        else if (span_is(key, "on"))
            on = json_take_boolean(&reader);
        else if (span_is(key, "off"))
            off = json_take_boolean(&reader);
        else if (span_is(key, "none"))
            json_take_null(&reader);
        else if (span_is(key, "text"))
            text = json_take_string(&reader);
        else if (span_is(key, "raw"))
            raw = json_take_raw(&reader);
        else if (span_is(key, "real"))
            real = json_take_number(&reader, 0, 3);
        else if (span_is(key, "list")) {
            json_enter_array(&reader);
            while (json_next_element(&reader))
                sum += json_take_integer(&reader, 1, 3);
        } else
            json_skip(&reader);
    }
    assert_int_equal(json_finish(&reader), 0);
    assert_int_equal(members, 9);
    assert_int_equal(n, -7);
    assert_int_equal(sum, 6);
    assert_true(real == 2.5);
    assert_true(on);
    assert_false(off);
    assert_span(json_string_inside(&text), "x");
    assert_span(raw, "{ \"b\" : 1 }");
}

static void test_kinds(void **state)
{
    static const enum json_kind kinds[] = {JSON_OBJECT, JSON_ARRAY,   JSON_STRING,  JSON_NUMBER,
                                           JSON_NUMBER, JSON_BOOLEAN, JSON_BOOLEAN, JSON_NULL};
    struct json_reader reader = reader_of("[{},[],\"a\\n\",1,-1,true,false,null]");

    (void)state;
    json_enter_array(&reader);
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        assert_true(json_next_element(&reader));
        assert_int_equal(json_peek(&reader), kinds[i]);
        struct json_value value = json_take_value(&reader);
        assert_int_equal(value.kind, kinds[i]);
        assert_int_equal(value.has_escapes, kinds[i] == JSON_STRING);
    }
    assert_false(json_next_element(&reader));
    assert_int_equal(json_finish(&reader), 0);
}

static void test_wrong_kind(void **state)
{
    struct span key;
    struct json_reader reader;

    (void)state;
    reader = reader_of("[]");
    json_enter_object(&reader);
    assert_string_equal(reader.error, "is not an object");
    assert_false(json_next_key(&reader, &key));
    reader = reader_of("{}");
    json_enter_array(&reader);
    assert_string_equal(reader.error, "is not an array");
    assert_false(json_next_element(&reader));
    reader = reader_of("1");
    assert_int_equal(json_take_string(&reader).kind, JSON_NONE);
    assert_string_equal(reader.error, "is not a string");
    reader = reader_of(" \"1\"");
    assert_int_equal(json_take_integer(&reader, 0, 9), 0);
    assert_string_equal(reader.error, "is not a number");
    assert_int_equal(reader.error_position, 1);
    reader = reader_of("\"1\"");
    assert_true(json_take_number(&reader, 0, 9) == 0);
    assert_string_equal(reader.error, "is not a number");
    reader = reader_of("null");
    assert_false(json_take_boolean(&reader));
    assert_string_equal(reader.error, "is not true or false");
    reader = reader_of("false");
    json_take_null(&reader);
    assert_string_equal(reader.error, "is not null");
    reader = reader_of("");
    json_take_null(&reader);
    assert_string_equal(reader.error, "ends too early");
}

static void test_first_error_sticks(void **state)
{
    struct json_reader reader = reader_of("[1,x,2]");
    struct span key;

    (void)state;
    json_enter_array(&reader);
    assert_true(json_next_element(&reader));
    json_skip(&reader);
    assert_true(json_next_element(&reader));
    json_skip(&reader);
    json_fail(&reader, "another");
    assert_int_equal(json_peek(&reader), JSON_NONE);
    assert_int_equal(json_take_raw(&reader).length, 0);
    assert_int_equal(json_take_integer(&reader, 5, 6), 0);
    assert_false(json_take_boolean(&reader));
    assert_false(json_next_element(&reader));
    assert_false(json_next_key(&reader, &key));
    assert_int_equal(json_finish(&reader), -EINVAL);
    assert_string_equal(reader.error, "lacks a value");
    assert_int_equal(reader.error_position, 3);
}

static void test_callers_error(void **state)
{
    struct json_reader reader = reader_of("[1]");

    (void)state;
    json_enter_array(&reader);
    json_fail(&reader, "is not wanted");
    assert_false(json_next_element(&reader));
    assert_int_equal(json_finish(&reader), -EINVAL);
    assert_string_equal(reader.error, "is not wanted");
    assert_int_equal(reader.error_position, 1);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        const char *error;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", NULL, INT64_MAX},
        {"-9223372036854775808", NULL, INT64_MIN},
        {"9223372036854775808", "is out of range", 0},
        {"-9223372036854775809", "is out of range", 0},
        {"99999999999999999999999", "is out of range", 0},
        {"-0", NULL, 0},
        {"1.0", "is not a whole number", 0},
        {"1e2", "is not a whole number", 0},
        {"1E2", "is not a whole number", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json_reader reader = reader_of(cases[i].text);
        assert_int_equal(json_take_integer(&reader, INT64_MIN, INT64_MAX), cases[i].value);
        assert_int_equal(json_finish(&reader), cases[i].error ? -EINVAL : 0);
        if (cases[i].error)
            assert_string_equal(reader.error, cases[i].error);
    }
    struct json_reader reader = reader_of("10");
    assert_int_equal(json_take_integer(&reader, 0, 9), 0);
    assert_string_equal(reader.error, "is out of range");
    reader = reader_of("-1");
    assert_int_equal(json_take_integer(&reader, 0, 9), 0);
    assert_string_equal(reader.error, "is out of range");
}

static void test_numbers(void **state)
{
    static const char *const bad[] = {
        "10.5", "-0.1", "1e400",
        "0.00000000000000000000000000000000000000000000000000000000000000001"};
    struct json_reader reader = reader_of("1.25e1");

    (void)state;
    assert_true(json_take_number(&reader, 0, 12.5) == 12.5);
    assert_int_equal(json_finish(&reader), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        reader = reader_of(bad[i]);
        assert_true(json_take_number(&reader, 0, 10) == 0);
        assert_int_equal(json_finish(&reader), -EINVAL);
        assert_string_equal(reader.error, "is out of range");
    }
}

static void test_surrogates(void **state)
{
    static const char *const halves[] = {
        "\"\\ud800\"",    "\"\\udfff\"",        "\"\\ud800\\ud800\"", "\"\\ud800x\"",
        "\"\\ud800\\n\"", "\"\\ud83d\\u0041\"", "\"\\n\\udc00\\n\"",  "\"\\ude00\\ud83d\""};
    struct json_reader reader;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(halves); i++) {
        reader = reader_of(halves[i]);
        assert_int_equal(json_take_string(&reader).kind, JSON_NONE);
        assert_int_equal(json_finish(&reader), -EINVAL);
        assert_string_equal(reader.error, "holds half a surrogate pair");
        reader = reader_of(halves[i]);
        assert_span(json_take_raw(&reader), halves[i]);
        assert_int_equal(json_finish(&reader), 0);
    }
}

static void test_keys_with_escapes(void **state)
{
    struct json_reader reader =
        reader_of("{\"\\u0061b\":1,\"\\ud800\":2,"
                  "\"\\u0061-a-key-that-is-so-long-that-it-does-not-fit-the-room-for-names\":3}");
    struct span key;

    (void)state;
    json_enter_object(&reader);
    assert_true(json_next_key(&reader, &key));
    assert_span(key, "ab");
    json_skip(&reader);
    assert_true(json_next_key(&reader, &key));
    assert_span(key, "\\ud800");
    json_skip(&reader);
    assert_true(json_next_key(&reader, &key));
    assert_true(memchr(key.data, '\\', key.length) != NULL);
    json_skip(&reader);
    assert_false(json_next_key(&reader, &key));
    assert_int_equal(json_finish(&reader), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_wrong_kind),
        cmocka_unit_test(test_first_error_sticks),
        cmocka_unit_test(test_callers_error),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_surrogates),
        cmocka_unit_test(test_keys_with_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
