/* What REST reads from PostgreSQL, and the few rows that it writes; how the answer becomes the
 * caller's: the row, the page, or a problem. Commands never come this way.
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

/* One row that is changed: `statement` changes it, `exists` finds it in whatever state; $1 of both
 * is the key. `statement` has one column, a row as JSON for a 202. */
struct write {
    const struct database_statement *statement;
    const struct database_statement *exists;
    struct database_value key;
    unsigned int status;   /* when it was done: 202 with the row and the call's location, or 204 */
    enum problem none;     /* when there is no row */
    enum problem conflict; /* when there is one, and the statement does not change it */
};

/* Changes the row, on the disk before it answers. */
void write_one(struct rest_call *call, const struct write *write);

/* A query parameter as a value for PostgreSQL; null when it is not there. false: answered. */
MUST_USE
bool read_filter(struct rest_call *call, const char *name, struct database_value *ret_value);

/* The query parameter "state", one of `states`, which ends with NULL. The rest as read_filter();
 * for any other text the answer is 400 with `reason`. */
MUST_USE
bool read_state(struct rest_call *call, const char *const *states, const char *reason,
                struct database_value *ret_value);

/* Reads the query's page parameters; false: answered. */
MUST_USE
bool read_page_parameters(struct rest_call *call, struct page *ret_page);

#endif
