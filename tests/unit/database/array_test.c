#include "common/database/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_value(struct database_array *array, const char *expected)
{
    struct database_value value = database_array_value(array);
    char *text = span_dup(value.text);

    assert_string_equal(text, expected);
    free(text);
    database_array_fini(array);
}

static void empty_is_braces(void **state)
{
    struct database_array array = {0};

    (void)state;
    check_value(&array, "{}");
}

static void texts_are_quoted(void **state)
{
    struct database_array array = {0};

    (void)state;
    database_array_add_text(&array, span_text("a"));
    database_array_add_text(&array, span_text("NULL"));
    database_array_add_text(&array, span_text("{x,\"y\"}\\z"));
    database_array_add_text(&array, span_of("", 0));
    database_array_add_text(&array, (struct span){0});
    assert_int_equal(array.count, 5);
    check_value(&array, "{\"a\",\"NULL\",\"{x,\\\"y\\\"}\\\\z\",\"\",NULL}");
}

static void numbers_are_bare(void **state)
{
    struct database_array array = {0};

    (void)state;
    database_array_add_integer(&array, INT64_MIN);
    database_array_add_null(&array);
    database_array_add_integer(&array, INT64_MAX);
    check_value(&array, "{-9223372036854775808,NULL,9223372036854775807}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_braces),
        cmocka_unit_test(texts_are_quoted),
        cmocka_unit_test(numbers_are_bare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
