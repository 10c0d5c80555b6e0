#include "clients/slip/table.h"

#include "tests/unit/unit.h"

static const struct table_column columns[] = {{"NAME", false, true}, {"N", true, false}};

static void expect(const char *const *cells, size_t count, size_t width, const char *expected)
{
    struct buffer text = {0};
    struct grid grid;

    grid_init(&grid, columns, 2);
    for (size_t i = 0; i < count; i++)
        grid_add(&grid, span_text(cells[i]));
    grid_append(&grid, &text, width, false);
    assert_span(buffer_span(&text), expected);
    grid_fini(&grid);
    buffer_fini(&text);
}

static void columns_are_as_wide_as_their_cells(void **state)
{
    const char *const cells[] = {"a", "1000", "longer", "2"};

    (void)state;
    expect(NULL, 0, 0, "NAME  N\n");
    expect(cells, 4, 0, "NAME       N\na       1000\nlonger     2\n");
    expect(cells, 3, 0, "NAME       N\na       1000\n"); /* a row that is not whole */
}

static void what_strangers_wrote_is_escaped(void **state)
{
    const char *const cells[] = {"\033[31mred\n", "1"};

    (void)state;
    expect(cells, 2, 0, "NAME           N\n\\x1b[31mred\\n  1\n");
}

static void what_may_shrink_does(void **state)
{
    const char *const cells[] = {"a name that is too long", "1234567"};
    struct buffer text = {0};
    struct grid grid;

    (void)state;
    grid_init(&grid, columns, 2);
    for (size_t i = 0; i < 2; i++)
        grid_add(&grid, span_text(cells[i]));
    grid_append(&grid, &text, 20, false);
    struct span rest = buffer_span(&text);
    while (rest.length > 0)
        assert_true(text_width(span_split(&rest, '\n')) <= 20);
    buffer_clear(&text);
    grid_append(&grid, &text, 3, false); /* not below what can be read */
    assert_non_null(memmem(text.data, text.length, "1234567", 7));
    grid_fini(&grid);
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_cells),
        cmocka_unit_test(what_strangers_wrote_is_escaped),
        cmocka_unit_test(what_may_shrink_does),
    };
    text_init();
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
