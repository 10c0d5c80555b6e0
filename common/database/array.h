/* An array literal of PostgreSQL, built element by element: how many rows travel as one parameter
 * (`unnest($1::text[], $2::bigint[])`).
 *
 *     {"a","b \"quoted\"",NULL,42}
 *
 * Zero-initialised is an empty array. The builder owns its memory. Pure, no I/O.
 */
#ifndef SLIP_DATABASE_ARRAY_H
#define SLIP_DATABASE_ARRAY_H

#include "common/base/buffer.h"
#include "common/database/database.h"

struct database_array {
    struct buffer text;
    size_t count;
};

void database_array_fini(struct database_array *array);

/* Quoted and escaped; data == NULL is null. Bytes that PostgreSQL's text cannot hold (NUL) are the
 * caller's to refuse. */
void database_array_add_text(struct database_array *array, struct span text);
void database_array_add_integer(struct database_array *array, int64_t value);
void database_array_add_null(struct database_array *array);

/* Closes the literal; valid until the array changes, and nothing may be added after. */
struct database_value database_array_value(struct database_array *array);

#endif
