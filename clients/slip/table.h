/* Tables for people: a line of titles, columns as wide as they must be, cut with "…" where the
 * terminal ends.
 *
 * A table belongs to one command. Cells are copied, and made safe (text.h).
 */
#ifndef SLIP_CLIENTS_SLIP_TABLE_H
#define SLIP_CLIENTS_SLIP_TABLE_H

#include "clients/slip/text.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table_column {
    const char *title;
    bool is_right;   /* numbers */
    bool may_shrink; /* when the terminal is too narrow */
};

struct grid {
    const struct table_column *columns;
    size_t column_count;
    char **cells;
    size_t cell_count, cell_capacity;
};

/* `columns` outlive the table; at most TABLE_COLUMNS_MAX (asserted). */
void grid_init(struct grid *grid, const struct table_column *columns, size_t column_count);
void grid_fini(struct grid *grid);

/* The next cell, row by row. */
void grid_add(struct grid *grid, struct span text);

/* Appends all of it. `width` 0: nothing is cut. `has_titles_bold`: with escape codes. */
void grid_append(const struct grid *grid, struct buffer *text, size_t width, bool has_titles_bold);

#endif
