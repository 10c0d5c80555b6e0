/* Pages of a listing: `limit` and `cursor` in the query; `items` and `next` in the answer.
 *
 *     {"items": […], "next": "<cursor>"}        next is null on the last page
 *
 * A page begins after the key that its cursor holds, so a listing needs no memory between pages and
 * entries that come or go meanwhile do not shift it. Statements are asked for one row more than the
 * page holds, and may return fewer than they found when the items are large; either tells that
 * there is a next page.
 */
#ifndef SLIP_CONTROL_PAGE_H
#define SLIP_CONTROL_PAGE_H

#include "common/base/buffer.h"
#include "common/database/database.h"
#include "common/process/http_target.h"

enum { PAGE_STANDARD = 100, PAGE_KEY_BYTES = 4096 };

struct page {
    uint64_t limit;
    size_t after_length;
    char after[PAGE_KEY_BYTES]; /* the key that the cursor holds; empty: from the beginning */
    char rows[DATABASE_NUMBER_SIZE];
};

/* Reads `limit` (1 … maximum; without it PAGE_STANDARD) and `cursor`. NULL, or why not; then
 * *ret_field is the parameter's name. */
MUST_USE
const char *page_parse(const struct http_target *target, uint64_t maximum, struct page *ret_page,
                       const char **ret_field);

/* The values for a statement: after which key, how many rows. Valid while `page` is. */
struct database_value page_after(const struct page *page);
struct database_value page_rows(struct page *page);

/* Appends the answer: rows of three columns: key, item (JSON), how many rows were found. */
void page_append(uint64_t limit, const struct database_answer *answer, struct buffer *buffer);

#endif
