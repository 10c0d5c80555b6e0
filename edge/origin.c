#include "edge/origin.h"

#include <stdlib.h>

struct origin {
    struct table_link link;
    struct list age;
    int64_t touched_ms;
    struct origin_mark mark;
    char name[];
};

bool origin_mark_advance(struct origin_mark *mark, uint64_t first, uint64_t index)
{
    ASSERT(index < UINT32_MAX);
    bool is_new = mark->next_index == 0 || first > mark->first ||
                  (first == mark->first && index >= mark->next_index);
    if (is_new)
        *mark = (struct origin_mark){.first = first, .next_index = (uint32_t)index + 1};
    return is_new;
}

void origin_table_init(struct origin_table *table, int64_t keep_ms, size_t limit)
{
    ASSERT(limit > 0);
    *table = (struct origin_table){.keep_ms = keep_ms, .limit = limit};
    table_init(&table->by_name);
    list_init(&table->by_age);
}

static void drop(struct origin_table *table, struct origin *origin)
{
    list_remove(&origin->age);
    table_remove(&table->by_name, &origin->link);
    free(origin);
}

void origin_table_fini(struct origin_table *table)
{
    LIST_FOR_EACH(&table->by_age, link)
        drop(table, LIST_ENTRY(link, struct origin, age));
    table_fini(&table->by_name);
}

static struct origin *add(struct origin_table *table, struct span name)
{
    if (table->by_name.count >= table->limit)
        drop(table, LIST_ENTRY(table->by_age.next, struct origin, age));
    struct origin *origin = xmalloc(sizeof(*origin) + name.length);
    *origin = (struct origin){0};
    memcpy(origin->name, name.data, name.length);
    list_init(&origin->age);
    table_insert(&table->by_name, &origin->link, span_of(origin->name, name.length));
    return origin;
}

static struct origin *touch(struct origin_table *table, struct span name, int64_t now_ms)
{
    struct table_link *link = table_find(&table->by_name, name);
    struct origin *origin = link ? TABLE_ENTRY(link, struct origin, link) : add(table, name);
    list_remove(&origin->age);
    list_append(&table->by_age, &origin->age);
    origin->touched_ms = now_ms;
    return origin;
}

bool origin_table_advance(struct origin_table *table, struct span name, uint64_t first,
                          uint64_t index, int64_t now_ms)
{
    return origin_mark_advance(&touch(table, name, now_ms)->mark, first, index);
}

void origin_table_keep(struct origin_table *table, struct span name, const struct origin_mark *mark,
                       int64_t now_ms)
{
    if (mark->next_index > 0)
        touch(table, name, now_ms)->mark = *mark;
}

void origin_table_expire(struct origin_table *table, int64_t now_ms)
{
    LIST_FOR_EACH(&table->by_age, link) {
        struct origin *origin = LIST_ENTRY(link, struct origin, age);
        if (now_ms - origin->touched_ms <= table->keep_ms)
            return;
        drop(table, origin);
    }
}
