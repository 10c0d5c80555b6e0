/* What REST reads from PostgreSQL, and how its answer becomes the caller's: the row, the page, or a
 * problem. Commands never come this way.
 */
#ifndef SLIP_CONTROL_READS_H
#define SLIP_CONTROL_READS_H

#include "control/page.h"
#include "control/rest.h"

/* Answers with the one row's JSON; `none` when there is no row. */
void read_one(struct rest_call *call, const struct database_statement *statement,
              const struct database_value *values, size_t count, enum problem none);

/* Answers with a page. The statement's parameters hold page_after() and page_rows(). */
void read_page(struct rest_call *call, const struct page *page,
               const struct database_statement *statement, const struct database_value *values,
               size_t count);

/* Reads the query's page parameters; false: answered. */
MUST_USE
bool read_page_parameters(struct rest_call *call, struct page *ret_page);

#endif
