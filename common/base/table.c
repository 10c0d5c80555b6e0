#include "common/base/table.h"

#include <stdlib.h>

#include "common/base/random.h"
#include "common/base/siphash.h"

enum { FIRST_BUCKETS = 16 };

uint64_t table_hash(struct span key)
{
    static uint64_t secret[2];
    if (secret[0] == 0 && secret[1] == 0)
        random_bytes(secret, sizeof(secret));
    return siphash13(key, secret[0], secret[1]);
}

void table_init(struct table *table)
{
    *table = (struct table){0};
}

void table_fini(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}

static struct table_link **bucket_of(const struct table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static struct table_link *find_hashed(const struct table *table, struct span key, uint64_t hash)
{
    if (table->count == 0)
        return NULL;
    struct table_link *link = *bucket_of(table, hash);
    while (link && (link->hash != hash || !span_equal(link->key, key)))
        link = link->next;
    return link;
}

struct table_link *table_find(const struct table *table, struct span key)
{
    return table->count == 0 ? NULL : find_hashed(table, key, table_hash(key));
}

static void resize(struct table *table, size_t bucket_count)
{
    struct table old = *table;
    table->buckets = xcalloc(bucket_count, sizeof(struct table_link *));
    table->bucket_count = bucket_count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        struct table_link *next;
        for (struct table_link *link = old.buckets[i]; link; link = next) {
            next = link->next;
            struct table_link **bucket = bucket_of(table, link->hash);
            link->next = *bucket;
            *bucket = link;
        }
    }
    free(old.buckets);
}

void table_insert(struct table *table, struct table_link *link, struct span key)
{
    if (table->count >= table->bucket_count)
        resize(table, max_size(table->bucket_count * 2, FIRST_BUCKETS));
    link->key = key;
    link->hash = table_hash(key);
    ASSERT(!find_hashed(table, key, link->hash));
    struct table_link **bucket = bucket_of(table, link->hash);
    link->next = *bucket;
    *bucket = link;
    table->count++;
}

void table_remove(struct table *table, struct table_link *link)
{
    ASSERT(table->count > 0);
    struct table_link **place = bucket_of(table, link->hash);
    while (*place && *place != link)
        place = &(*place)->next;
    ASSERT(*place == link);
    *place = link->next;
    link->next = NULL;
    table->count--;
}

struct table_link *table_first_from(const struct table *table, size_t bucket)
{
    for (; bucket < table->bucket_count; bucket++)
        if (table->buckets[bucket])
            return table->buckets[bucket];
    return NULL;
}

struct table_link *table_first(const struct table *table)
{
    return table_first_from(table, 0);
}

struct table_link *table_next(const struct table *table, const struct table_link *link)
{
    if (link->next)
        return link->next;
    return table_first_from(table, table_bucket(table, link) + 1);
}

size_t table_bucket(const struct table *table, const struct table_link *link)
{
    return link->hash & (table->bucket_count - 1);
}
