#include "edge/origin.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those first. */
#include <cmocka.h>

static void test_mark_grows_only(void **state)
{
    struct origin_mark mark = {0};
    (void)state;
    assert_true(origin_mark_advance(&mark, 0, 0)); /* the very first is new */
    assert_false(origin_mark_advance(&mark, 0, 0));
    assert_true(origin_mark_advance(&mark, 0, 2)); /* others went to other edges */
    assert_false(origin_mark_advance(&mark, 0, 1));
    assert_true(origin_mark_advance(&mark, 5, 0));
    assert_false(origin_mark_advance(&mark, 4, 9));
    assert_true(origin_mark_advance(&mark, UINT64_MAX, UINT32_MAX - 1));
    assert_false(origin_mark_advance(&mark, UINT64_MAX, UINT32_MAX - 1));
}

static void test_names_are_apart(void **state)
{
    struct origin_table table;
    (void)state;
    origin_table_init(&table, 100, 10);
    assert_true(origin_table_advance(&table, span_text("a"), 1, 0, 0));
    assert_true(origin_table_advance(&table, span_text("b"), 1, 0, 0));
    assert_false(origin_table_advance(&table, span_text("a"), 1, 0, 0));
    assert_false(origin_table_advance(&table, span_text("b"), 0, 0, 0));
    origin_table_fini(&table);
}

static void test_expires_by_the_last_use(void **state)
{
    struct origin_table table;
    (void)state;
    origin_table_init(&table, 100, 10);
    assert_true(origin_table_advance(&table, span_text("a"), 1, 0, 0));
    assert_true(origin_table_advance(&table, span_text("b"), 1, 0, 50));
    assert_true(origin_table_advance(&table, span_text("a"), 1, 1, 90));
    origin_table_expire(&table, 150);
    assert_int_equal(table.by_name.count, 2); /* b is just not too old */
    origin_table_expire(&table, 151);
    assert_int_equal(table.by_name.count, 1);
    assert_false(origin_table_advance(&table, span_text("a"), 1, 1, 151));
    assert_true(origin_table_advance(&table, span_text("b"), 1, 0, 151));
    origin_table_fini(&table);
}

static void test_the_oldest_makes_room(void **state)
{
    struct origin_table table;
    (void)state;
    origin_table_init(&table, 100, 2);
    assert_true(origin_table_advance(&table, span_text("a"), 1, 0, 0));
    assert_true(origin_table_advance(&table, span_text("b"), 1, 0, 1));
    assert_false(origin_table_advance(&table, span_text("a"), 1, 0, 2));
    assert_true(origin_table_advance(&table, span_text("c"), 1, 0, 3));
    assert_int_equal(table.by_name.count, 2);
    assert_false(origin_table_advance(&table, span_text("a"), 1, 0, 4));
    assert_true(origin_table_advance(&table, span_text("b"), 1, 0, 5));
    origin_table_fini(&table);
}

static void test_keeps_the_mark_of_a_connection(void **state)
{
    struct origin_table table;
    const struct origin_mark none = {0}, mark = {.first = 7, .next_index = 3};
    (void)state;
    origin_table_init(&table, 100, 10);
    origin_table_keep(&table, span_text("quiet"), &none, 0);
    assert_int_equal(table.by_name.count, 0);
    origin_table_keep(&table, span_text("busy"), &mark, 0);
    assert_false(origin_table_advance(&table, span_text("busy"), 7, 2, 1));
    assert_true(origin_table_advance(&table, span_text("busy"), 7, 3, 1));
    origin_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mark_grows_only),
        cmocka_unit_test(test_names_are_apart),
        cmocka_unit_test(test_expires_by_the_last_use),
        cmocka_unit_test(test_the_oldest_makes_room),
        cmocka_unit_test(test_keeps_the_mark_of_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
