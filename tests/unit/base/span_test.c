#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/span.h"

static void test_equality(void **state)
{
    (void)state;
    assert_true(span_equal(span_text(NULL), span_text("")));
    assert_true(span_equal(span_of("a\0b", 3), span_of("a\0b", 3)));
    assert_false(span_equal(span_of("a\0b", 3), span_of("a\0c", 3)));
    assert_false(span_equal(span_text("ab"), span_text("abc")));
    assert_true(span_is(span_text("on"), "on"));
    assert_false(span_is(span_text("on"), "On"));
    assert_true(span_equal_nocase(span_text("Content-Type"), span_text("cONTENT-tYPE")));
    assert_false(span_equal_nocase(span_text("["), span_text("{"))); /* 0x5b, 0x7b */
    assert_false(span_equal_nocase(span_text("a"), span_text("ab")));
    assert_true(span_starts_with(span_text("abc"), span_text("ab")));
    assert_true(span_starts_with(span_text("abc"), span_text("")));
    assert_false(span_starts_with(span_text("ab"), span_text("abc")));
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(span_is(span_trim(span_text(" \t a b\t ")), "a b"));
    assert_int_equal(span_trim(span_text(" \t ")).length, 0);
    assert_int_equal(span_trim(span_text(NULL)).length, 0);
    assert_true(span_is(span_trim(span_text("\na")), "\na")); /* not OWS */
}

static void test_split(void **state)
{
    (void)state;
    struct span rest = span_text("a,,b,");
    assert_true(span_is(span_split(&rest, ','), "a"));
    assert_true(span_is(span_split(&rest, ','), ""));
    assert_true(span_is(span_split(&rest, ','), "b"));
    assert_non_null(rest.data);
    assert_true(span_is(span_split(&rest, ','), ""));
    assert_null(rest.data);
    rest = span_text(NULL);
    assert_int_equal(span_split(&rest, ',').length, 0);
}

static void test_number(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(span_to_u64(span_text("18446744073709551615"), UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    value = 7;
    assert_int_equal(span_to_u64(span_text("18446744073709551616"), UINT64_MAX, &value), -ERANGE);
    assert_int_equal(span_to_u64(span_text("101"), 100, &value), -ERANGE);
    assert_int_equal(span_to_u64(span_text(""), 100, &value), -EINVAL);
    assert_int_equal(span_to_u64(span_text("-1"), 100, &value), -EINVAL);
    assert_int_equal(span_to_u64(span_text("+1"), 100, &value), -EINVAL);
    assert_int_equal(span_to_u64(span_text("1 "), 100, &value), -EINVAL);
    assert_int_equal(span_to_u64(span_text("0x1"), 100, &value), -EINVAL);
    assert_int_equal(value, 7);
    assert_int_equal(span_to_u64(span_text("0100"), 100, &value), 0);
    assert_int_equal(value, 100);
}

static void test_dup(void **state)
{
    (void)state;
    char *copy = span_dup(span_of("abc", 2));
    assert_string_equal(copy, "ab");
    free(copy);
    copy = span_dup(span_text(NULL));
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality), cmocka_unit_test(test_trim), cmocka_unit_test(test_split),
        cmocka_unit_test(test_number),   cmocka_unit_test(test_dup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
