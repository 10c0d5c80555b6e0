/* Answers of REST, looked into: JSON documents by path. Documents are the broker's: what is not as
 * expected is simply not there.
 *
 * Pure functions; values are spans into the document.
 */
#ifndef SLIP_CLIENTS_SLIP_DOCUMENT_H
#define SLIP_CLIENTS_SLIP_DOCUMENT_H

#include "common/text/json.h"

/* The JSON at "member.member"; false when it is not there. An empty path is the document. */
MUST_USE
bool document_find(struct span document, const char *path, struct span *ret_json);

/* The same as text for people: strings without quotes, null and what is missing as nothing, the
 * rest as it is written. Appended. */
void document_append_text(struct span document, const char *path, struct buffer *text);

/* A whole number; 0 when it is none. */
int64_t document_integer(struct span document, const char *path);

/* The elements of the array at a path, one after the other; none when there is no array. */
struct document_items {
    struct json_reader reader;
    bool is_array;
};

void document_items_init(struct document_items *items, struct span document, const char *path);
MUST_USE
bool document_items_next(struct document_items *items, struct span *ret_json);

/* The JSON on lines of its own, indented. */
void document_append_pretty(struct span json, struct buffer *text);

#endif
