#include "clients/slip/table.h"

#include <stdlib.h>

enum { GAP = 2, SHRUNK_MIN = 8 };

void grid_init(struct grid *grid, const struct table_column *columns, size_t column_count)
{
    ASSERT(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *grid = (struct grid){.columns = columns, .column_count = column_count};
}

void grid_fini(struct grid *grid)
{
    for (size_t i = 0; i < grid->cell_count; i++)
        free(grid->cells[i]);
    free(grid->cells);
}

void grid_add(struct grid *grid, struct span text)
{
    struct buffer safe = {0};

    if (grid->cell_count == grid->cell_capacity) {
        grid->cell_capacity = grid->cell_capacity ? grid->cell_capacity * 2 : 64;
        grid->cells = xrealloc(grid->cells, grid->cell_capacity * sizeof *grid->cells);
    }
    (void)buffer_reserve(&safe, text.length + 1);
    text_append_safe(&safe, text);
    grid->cells[grid->cell_count++] = buffer_take(&safe);
}

static void measure(const struct grid *grid, size_t *widths)
{
    for (size_t c = 0; c < grid->column_count; c++) {
        widths[c] = text_width(span_text(grid->columns[c].title));
        for (size_t i = c; i < grid->cell_count; i += grid->column_count)
            widths[c] = max_size(widths[c], text_width(span_text(grid->cells[i])));
    }
}

/* One column at a time off the widest that may shrink, until all fit or nothing gives. */
static void shrink(const struct grid *grid, size_t *widths, size_t width)
{
    size_t total = GAP * (grid->column_count - 1);

    for (size_t c = 0; c < grid->column_count; c++)
        total += widths[c];
    while (total > width) {
        size_t *widest = NULL;
        for (size_t c = 0; c < grid->column_count; c++)
            if (grid->columns[c].may_shrink && widths[c] > SHRUNK_MIN &&
                (!widest || widths[c] > *widest))
                widest = &widths[c];
        if (!widest)
            return;
        (*widest)--;
        total--;
    }
}

static void append_cell(const struct grid *grid, struct buffer *text, size_t column,
                        const char *cell, size_t width)
{
    bool is_last = column + 1 == grid->column_count;
    size_t used = text_width(span_text(cell));

    if (grid->columns[column].is_right)
        for (; used < width; used++)
            buffer_append_byte(text, ' ');
    text_append_fitted(text, span_text(cell), width, !is_last && !grid->columns[column].is_right);
    if (!is_last)
        buffer_append_text(text, "  ");
}

void grid_append(const struct grid *grid, struct buffer *text, size_t width, bool has_titles_bold)
{
    size_t widths[TABLE_COLUMNS_MAX];

    measure(grid, widths);
    if (width > 0)
        shrink(grid, widths, width);
    if (has_titles_bold)
        buffer_append_text(text, "\033[1m");
    for (size_t c = 0; c < grid->column_count; c++)
        append_cell(grid, text, c, grid->columns[c].title, widths[c]);
    buffer_append_text(text, has_titles_bold ? "\033[0m\n" : "\n");
    for (size_t row = 0; row + grid->column_count <= grid->cell_count; row += grid->column_count) {
        for (size_t c = 0; c < grid->column_count; c++)
            append_cell(grid, text, c, grid->cells[row + c], widths[c]);
        buffer_append_byte(text, '\n');
    }
}
