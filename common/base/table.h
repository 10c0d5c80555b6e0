/* An intrusive hash table from byte strings to structures.
 *
 *     buckets ──▶ [ • | • | … ]        power of two, at most one entry per bucket on average
 *                   └▶ link ▶ link     chained through the elements
 *
 * An element embeds a `struct table_link`, whose key points into the element itself and stays
 * valid while the element is in the table. The hash is keyed with a secret of the process, so a
 * stranger who chooses keys cannot choose collisions. One element more costs no allocation but
 * the rare doubling of the buckets. Not thread-safe.
 */
#ifndef SLIP_BASE_TABLE_H
#define SLIP_BASE_TABLE_H

#include "common/base/span.h"

struct table_link {
    struct table_link *next;
    struct span key;
    uint64_t hash;
};

struct table {
    struct table_link **buckets;
    size_t bucket_count;
    size_t count;
};

void table_init(struct table *table);

/* Frees the buckets; the elements are the caller's and must have been dealt with before. */
void table_fini(struct table *table);

/* The element with this key, or NULL. */
struct table_link *table_find(const struct table *table, struct span key);

/* Adds an element whose key is not in the table yet (asserted). */
void table_insert(struct table *table, struct table_link *link, struct span key);

/* Takes out an element that is in the table (asserted). */
void table_remove(struct table *table, struct table_link *link);

/* Visits every element; the current one may be removed inside the loop, no other may, and nothing
 * may be inserted. Start: link = table_first(table); step: link = table_next(table, link) – take
 * the step before removing. */
struct table_link *table_first(const struct table *table);
struct table_link *table_next(const struct table *table, const struct table_link *link);

/* A walk in several parts remembers the bucket it came to: as long as nothing is inserted, all in
 * the buckets before it have been visited. The first element there or behind it, or NULL. */
struct table_link *table_first_from(const struct table *table, size_t bucket);
size_t table_bucket(const struct table *table, const struct table_link *link);

#define TABLE_ENTRY(link, type, member) CONTAINER_OF(link, type, member)

/* Removing the current element inside the loop is allowed. */
#define TABLE_FOR_EACH(table, link)                                              \
    for (struct table_link *link = table_first(table),                           \
                           *link##_next = link ? table_next(table, link) : NULL; \
         link; link = link##_next, link##_next = link ? table_next(table, link) : NULL)

/* SipHash-1-3 of the key under the process's secret; also good for rendezvous hashing inside one
 * process, not across processes. */
uint64_t table_hash(struct span key);

#endif
