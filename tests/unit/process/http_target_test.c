#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/process/http_target.h"

static void test_segments(void **state)
{
    (void)state;
    struct http_target target;
    assert_int_equal(http_target_parse(span_text("/v1/channels/a%2Fb%20c/+?x"), &target), 0);
    assert_span(target.path, "/v1/channels/a%2Fb%20c/+");
    assert_int_equal(target.segment_count, 4);
    assert_span(target.segments[0], "v1");
    assert_span(target.segments[2], "a/b c");
    assert_span(target.segments[3], "+");
    http_target_fini(&target);
    assert_int_equal(http_target_parse(span_text("/"), &target), 0);
    assert_int_equal(target.segment_count, 0);
    http_target_fini(&target);
    assert_int_equal(http_target_parse(span_text("/a//"), &target), 0);
    assert_int_equal(target.segment_count, 3);
    assert_span(target.segments[2], "");
    http_target_fini(&target);
    assert_int_equal(http_target_parse(span_text("/%00%ff"), &target), 0);
    assert_true(span_equal(target.segments[0], span_of("\0\xff", 2)));
    http_target_fini(&target);
}

static void test_query(void **state)
{
    (void)state;
    struct http_target target;
    struct span value = span_text("untouched");
    assert_int_equal(
        http_target_parse(span_text("/p?limit=10&after=x%26y+z&&flag&limit=20&a=b=c&=v"), &target),
        0);
    assert_true(http_target_parameter(&target, "limit", &value));
    assert_span(value, "10");
    assert_true(http_target_parameter(&target, "after", &value));
    assert_span(value, "x&y z");
    assert_true(http_target_parameter(&target, "flag", &value));
    assert_span(value, "");
    assert_true(http_target_parameter(&target, "a", &value));
    assert_span(value, "b=c");
    assert_false(http_target_parameter(&target, "limi", &value));
    assert_span(value, "b=c");
    http_target_fini(&target);
    assert_int_equal(http_target_parse(span_text("/p?"), &target), 0);
    assert_int_equal(target.parameter_count, 0);
    http_target_fini(&target);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",     "a",      "*",    "http://host/", "/%",      "/%4",    "/%4g",   "/%g4", "/a b",
        "/a\n", "/a\x7f", "/a#b", "/?a=%",        "/?%zz=1", "/?a=%1", "/a?b#c", "?a=1",
    };
    struct http_target target = {.segment_count = 7};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(http_target_parse(span_text(rows[i]), &target), -EINVAL);
    assert_int_equal(target.segment_count, 7);
    assert_int_equal(http_target_parse(span_text("/%41"), &target), 0);
    assert_span(target.segments[0], "A");
    http_target_fini(&target);
}

/* `count` times `part`, after `start`. */
static int parse_repeated(const char *start, const char *part, int count)
{
    struct http_target target;
    struct buffer text = {0};
    buffer_append_text(&text, start);
    for (int i = 0; i < count; i++)
        buffer_append_text(&text, part);
    int rc = http_target_parse(buffer_span(&text), &target);
    if (rc == 0)
        http_target_fini(&target);
    buffer_fini(&text);
    return rc;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("", "/a", HTTP_TARGET_SEGMENTS), 0);
    assert_int_equal(parse_repeated("", "/a", HTTP_TARGET_SEGMENTS + 1), -EINVAL);
    assert_int_equal(parse_repeated("/?", "a&", HTTP_TARGET_PARAMETERS), 0);
    assert_int_equal(parse_repeated("/?", "a&", HTTP_TARGET_PARAMETERS + 1), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
