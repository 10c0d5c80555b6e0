#include "control/connection_id.h"
#include "tests/unit/unit.h"

static void the_edge_is_the_first_ten_characters(void **state)
{
    struct span edge = {0};
    (void)state;
    assert_int_equal(connection_id_edge(span_text("AZaz09-_xy0123456789abcdef"), &edge), 0);
    assert_true(span_is(edge, "AZaz09-_xy"));
}

static void what_no_edge_gave_out_is_refused(void **state)
{
    struct span edge = {.data = "untouched", .length = 9};
    (void)state;
    assert_true(connection_id_edge(span_text(""), &edge) < 0);
    assert_true(connection_id_edge(span_text("AZaz09-_xy0123456789abcde"), &edge) < 0);
    assert_true(connection_id_edge(span_text("AZaz09-_xy0123456789abcdefg"), &edge) < 0);
    assert_true(connection_id_edge(span_text("AZaz09-_xy0123456789abcde="), &edge) < 0);
    assert_true(connection_id_edge(span_text("AZaz09 _xy0123456789abcdef"), &edge) < 0);
    assert_true(connection_id_edge(span_of("\0Zaz09-_xy0123456789abcdef", 26), &edge) < 0);
    assert_int_equal(edge.length, 9);
    assert_false(edge_id_is_valid(span_text("short")));
    assert_false(edge_id_is_valid(span_text("AZaz09-_x/")));
    assert_true(edge_id_is_valid(span_text("AZaz09-_xy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edge_is_the_first_ten_characters),
        cmocka_unit_test(what_no_edge_gave_out_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
