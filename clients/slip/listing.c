/* Listings of REST, page by page: each item a line of JSON as soon as its page is there, or a row
 * of a table at the end. */
#include <stdlib.h>

#include "clients/slip/tool.h"

enum { PAGE_LIMIT = 1000, LIMIT_USUAL = 1000 };

struct listing {
    struct tool *tool;
    const struct field *fields;
    size_t field_count;
    struct table_column columns[TABLE_COLUMNS_MAX];
    struct grid grid;
    int64_t left; /* items still wanted */
    bool has_more;
};

void query_append(struct buffer *query, const char *name, const char *value)
{
    if (!value)
        return;
    char *encoded = slip_path_new("{}", &value, 1);
    buffer_append_format(query, "%s%s=%s", query->length > 0 ? "&" : "", name, encoded);
    free(encoded);
}

static void add_row(struct listing *listing, struct span item)
{
    for (size_t i = 0; i < listing->field_count; i++) {
        struct buffer text = {0};
        document_append_text(item, listing->fields[i].path, &text);
        grid_add(&listing->grid, text.length ? buffer_span(&text) : span_text("-"));
        buffer_fini(&text);
    }
}

static int take_page(struct listing *listing, struct span page, struct buffer *ret_cursor)
{
    struct document_items items;
    struct buffer lines = {0};
    struct span item;
    int code = EXIT_DONE;

    document_items_init(&items, page, "items");
    while (listing->left > 0 && document_items_next(&items, &item)) {
        listing->left--;
        if (listing->tool->is_json) {
            buffer_append_span(&lines, item);
            buffer_append_byte(&lines, '\n');
        } else {
            add_row(listing, item);
        }
    }
    listing->has_more = document_items_next(&items, &item);
    if (lines.length > 0)
        code = tool_print(&lines);
    buffer_fini(&lines);
    document_append_text(page, "next", ret_cursor);
    return code;
}

/* The next page; *cursor is empty when it was the last. */
static int read_page(struct listing *listing, const char *path, struct span query,
                     struct buffer *cursor)
{
    struct buffer target = {0};
    char *body = NULL;
    size_t length = 0;
    int64_t limit = listing->left < PAGE_LIMIT ? listing->left : PAGE_LIMIT;

    buffer_append_format(&target, "%s?limit=%d", path, (int)limit);
    if (query.length > 0)
        buffer_append_format(&target, "&%.*s", SPAN_ARGS(query));
    if (cursor->length > 0) {
        char *text = span_dup(buffer_span(cursor));
        query_append(&target, "cursor", text);
        free(text);
    }
    char *text = buffer_take(&target);
    int code = tool_call(listing->tool, "GET", text, NULL, &body, &length);
    free(text);
    buffer_clear(cursor);
    if (code == EXIT_DONE)
        code = take_page(listing, span_of(body, length), cursor);
    free(body);
    return code;
}

static int print_table(const struct listing *listing)
{
    struct buffer text = {0};
    int code;

    grid_append(&listing->grid, &text, listing->tool->width, listing->tool->is_coloured);
    code = tool_print(&text);
    buffer_fini(&text);
    if (listing->has_more)
        fprintf(stderr, "slip: there are more; --limit 0 shows all\n");
    return code;
}

int list_resource(struct tool *tool, const char *path, struct span query,
                  const struct field *fields, size_t field_count)
{
    struct listing listing = {.tool = tool, .fields = fields, .field_count = field_count};
    struct buffer cursor = {0};
    int code = EXIT_DONE;

    if (!options_number(&tool->options, OPTION_LIMIT, 0, INT32_MAX, LIMIT_USUAL, &listing.left))
        return tool_fail(EXIT_USAGE, "--limit is no number");
    if (listing.left == 0)
        listing.left = INT64_MAX;
    for (size_t i = 0; i < field_count; i++)
        listing.columns[i] = fields[i].column;
    grid_init(&listing.grid, listing.columns, field_count);
    do
        code = read_page(&listing, path, query, &cursor);
    while (code == EXIT_DONE && cursor.length > 0 && listing.left > 0);
    listing.has_more |= cursor.length > 0;
    if (code == EXIT_DONE && !tool->is_json)
        code = print_table(&listing);
    buffer_fini(&cursor);
    grid_fini(&listing.grid);
    return code;
}
