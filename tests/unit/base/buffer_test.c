#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/base/buffer.h"

static void test_append(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append(&buffer, NULL, 0);
    assert_null(buffer.data);
    buffer_append_text(&buffer, "ab");
    buffer_append_byte(&buffer, '\0');
    buffer_append_span(&buffer, span_text("c"));
    buffer_append_format(&buffer, "%d-%s", 42, "x");
    assert_true(span_equal(buffer_span(&buffer), span_of("ab\0c42-x", 8)));
    buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_true(buffer.capacity > 0);
    buffer_fini(&buffer);
    assert_null(buffer.data);
}

static void test_grows(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 100000; i++)
        buffer_append_byte(&buffer, (char)i);
    assert_int_equal(buffer.length, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer.data[i], (char)i);
    buffer_fini(&buffer);
}

/* The format's own final NUL must fit, and must not count. */
static void test_format_at_the_edge(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_reserve(&buffer, 1);
    size_t room = buffer.capacity;
    buffer_append_format(&buffer, "%*s", (int)room, "x");
    assert_int_equal(buffer.length, room);
    assert_int_equal(buffer.data[room - 1], 'x');
    buffer_fini(&buffer);
}

static void test_reserve_and_commit(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    memcpy(buffer_reserve(&buffer, 1000), "abc", 3);
    buffer_commit(&buffer, 3);
    assert_true(span_is(buffer_span(&buffer), "abc"));
    assert_true(buffer.capacity >= 1000);
    buffer_fini(&buffer);
}

static void test_consume(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "abcdef");
    buffer_consume(&buffer, 0);
    buffer_consume(&buffer, 2);
    assert_true(span_is(buffer_span(&buffer), "cdef"));
    buffer_consume(&buffer, 4);
    assert_int_equal(buffer.length, 0);
    buffer_fini(&buffer);
}

static void test_take(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "");
    free(text);
    buffer_append_text(&buffer, "abc");
    text = buffer_take(&buffer);
    assert_string_equal(text, "abc");
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_format_at_the_edge),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
