#include "control/page.h"

#include "common/text/base64.h"
#include "common/text/utf8.h"

enum { KEY, ITEM, FOUND };

static const char *parse_cursor(struct span text, struct page *page)
{
    char key[PAGE_KEY_BYTES + 4];
    size_t length;

    if (base64_decoded_room(text.length) > sizeof key || base64url_decode(text, key, &length) < 0 ||
        length > PAGE_KEY_BYTES)
        return "is not a cursor";
    struct span decoded = span_of(key, length);
    if (!utf8_is_valid(decoded) || (length > 0 && memchr(key, '\0', length)))
        return "is not a cursor";
    memcpy(page->after, key, length);
    page->after_length = length;
    return NULL;
}

const char *page_parse(const struct http_target *target, uint64_t maximum, struct page *ret_page,
                       const char **ret_field)
{
    struct span text;

    ret_page->limit = maximum < PAGE_STANDARD ? maximum : PAGE_STANDARD;
    ret_page->after_length = 0;
    *ret_field = "limit";
    if (http_target_parameter(target, "limit", &text) &&
        (span_to_u64(text, maximum, &ret_page->limit) < 0 || ret_page->limit == 0))
        return "is not a number from 1 to the largest page";
    *ret_field = "cursor";
    if (http_target_parameter(target, "cursor", &text))
        return parse_cursor(text, ret_page);
    return NULL;
}

struct database_value page_after(const struct page *page)
{
    return database_text(span_of(page->after, page->after_length));
}

struct database_value page_rows(struct page *page)
{
    return database_integer((int64_t)page->limit + 1, page->rows);
}

void page_append(uint64_t limit, const struct database_answer *answer, struct buffer *buffer)
{
    size_t rows = database_rows(answer, 0);
    size_t shown = min_size(rows, (size_t)limit);
    int64_t found = rows > 0 ? database_cell_integer(answer, 0, 0, FOUND, 0) : 0;

    buffer_append_text(buffer, "{\"items\":[");
    for (size_t row = 0; row < shown; row++) {
        if (row > 0)
            buffer_append_byte(buffer, ',');
        buffer_append_span(buffer, database_cell(answer, 0, row, ITEM));
    }
    buffer_append_text(buffer, "],\"next\":");
    if (found > (int64_t)shown) {
        buffer_append_byte(buffer, '"');
        base64url_append(buffer, database_cell(answer, 0, shown - 1, KEY));
        buffer_append_byte(buffer, '"');
    } else {
        buffer_append_text(buffer, "null");
    }
    buffer_append_byte(buffer, '}');
}
