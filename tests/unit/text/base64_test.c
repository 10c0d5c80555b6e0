#include "common/text/base64.h"

#include <errno.h>

#include "tests/unit/unit.h"

/* RFC 4648 §10, and the two characters in which the alphabets differ. */
static const struct {
    const char *data;
    const char *text;
    const char *url;
} pairs[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xef\xff", "++//", "--__"},
};

static void test_pairs(void **state)
{
    struct buffer buffer = {0};
    char data[32];
    size_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        buffer_clear(&buffer);
        base64_append(&buffer, span_text(pairs[i].data));
        assert_span(buffer_span(&buffer), pairs[i].text);
        assert_int_equal(buffer.length, base64_encoded_length(strlen(pairs[i].data)));
        buffer_clear(&buffer);
        base64url_append(&buffer, span_text(pairs[i].data));
        assert_span(buffer_span(&buffer), pairs[i].url);
        assert_int_equal(base64_decode(span_text(pairs[i].text), data, &length), 0);
        assert_span(span_of(data, length), pairs[i].data);
        assert_int_equal(base64url_decode(span_text(pairs[i].url), data, &length), 0);
        assert_span(span_of(data, length), pairs[i].data);
    }
    buffer_fini(&buffer);
}

static void test_every_byte_of_every_length(void **state)
{
    struct buffer text = {0};
    char data[256], again[264];
    size_t length;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 151);
    for (size_t i = 0; i <= sizeof data; i++) {
        buffer_clear(&text);
        base64_append(&text, span_of(data, i));
        assert_true(base64_decoded_room(text.length) <= sizeof again);
        assert_int_equal(base64_decode(buffer_span(&text), again, &length), 0);
        assert_int_equal(length, i);
        assert_memory_equal(again, data, i);
        assert_int_equal(base64_decode(buffer_span(&text), text.data, &length), 0);
        assert_int_equal(length, i);
        if (i > 0)
            assert_memory_equal(text.data, data, i);
    }
    buffer_fini(&text);
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "Z",     "Zg",       "Zg=",  "Zm8",     "=",        "==",     "====",
        "Z===",  "Zg==Zg==", "Zh==", "Zm9=",    "Zm 9v",    "Zm9v\n", "Zm9v====",
        "Zm9v=", "Z=g=",     "-_-_", "Zm9\x80", "Zm9v=g==", "*m9v",
    };
    static const char *const bad_url[] = {"Z",    "Zg==",  "Zh",  "Zm9",
                                          "+/+/", "Zm9vZ", "Z.8", "Zm8\xc3"};
    char data[32];
    size_t length = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(base64_decode(span_text(bad[i]), data, &length), -EINVAL);
    for (size_t i = 0; i < ARRAY_LENGTH(bad_url); i++)
        assert_int_equal(base64url_decode(span_text(bad_url[i]), data, &length), -EINVAL);
    assert_int_equal(length, 77);
    assert_int_equal(base64_decode(span_of("Zm\0v", 4), data, &length), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_every_byte_of_every_length),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
