#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/table.h"

enum { MANY = 5000 };

struct entry {
    struct table_link link;
    char key[16];
    bool seen;
};

static struct entry *make_many(void)
{
    struct entry *entries = xcalloc(MANY, sizeof(*entries));
    for (int i = 0; i < MANY; i++)
        snprintf(entries[i].key, sizeof(entries[i].key), "key-%d", i);
    return entries;
}

static void test_empty(void **state)
{
    (void)state;
    struct table table;
    table_init(&table);
    assert_null(table_find(&table, span_text("x")));
    assert_null(table_first(&table));
    TABLE_FOR_EACH(&table, link) {
        fail();
    }
    table_fini(&table);
}

static void test_insert_find_remove(void **state)
{
    (void)state;
    struct table table;
    struct entry *entries = make_many();
    table_init(&table);
    for (int i = 0; i < MANY; i++)
        table_insert(&table, &entries[i].link, span_text(entries[i].key));
    assert_int_equal(table.count, MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&table, span_text(entries[i].key)), &entries[i].link);
    for (int i = 0; i < MANY; i += 2)
        table_remove(&table, &entries[i].link);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(table_find(&table, span_text(entries[i].key)),
                         i % 2 ? &entries[i].link : NULL);
    assert_null(table_find(&table, span_text("key-")));
    table_fini(&table);
    free(entries);
}

static void test_walk_visits_each_once_and_may_remove(void **state)
{
    (void)state;
    struct table table;
    struct entry *entries = make_many();
    table_init(&table);
    for (int i = 0; i < MANY; i++)
        table_insert(&table, &entries[i].link, span_text(entries[i].key));
    TABLE_FOR_EACH(&table, link) {
        struct entry *entry = TABLE_ENTRY(link, struct entry, link);
        assert_false(entry->seen);
        entry->seen = true;
        table_remove(&table, link);
    }
    assert_int_equal(table.count, 0);
    for (int i = 0; i < MANY; i++)
        assert_true(entries[i].seen);
    table_fini(&table);
    free(entries);
}

static void test_walk_in_parts(void **state)
{
    (void)state;
    struct table table;
    struct entry *entries = make_many();
    size_t bucket = 0, parts = 0, seen = 0;
    table_init(&table);
    assert_null(table_first_from(&table, 0));
    for (int i = 0; i < MANY; i++)
        table_insert(&table, &entries[i].link, span_text(entries[i].key));
    for (struct table_link *link; (link = table_first_from(&table, bucket)); parts++) {
        for (int i = 0; i < 100 && link; i++, link = table_next(&table, link)) {
            struct entry *entry = TABLE_ENTRY(link, struct entry, link);
            bucket = table_bucket(&table, link);
            seen += !entry->seen;
            entry->seen = true;
        }
        bucket += link == NULL;
    }
    assert_int_equal(seen, MANY);
    assert_true(parts < MANY / 50); /* only the bucket where a part ended is seen twice */
    table_fini(&table);
    free(entries);
}

static void test_keys_are_bytes(void **state)
{
    (void)state;
    struct table table;
    struct entry a = {0}, b = {0}, empty = {0};
    table_init(&table);
    table_insert(&table, &a.link, span_of("x\0a", 3));
    table_insert(&table, &b.link, span_of("x\0b", 3));
    table_insert(&table, &empty.link, span_of("", 0));
    assert_ptr_equal(table_find(&table, span_of("x\0b", 3)), &b.link);
    assert_ptr_equal(table_find(&table, span_text(NULL)), &empty.link);
    assert_null(table_find(&table, span_text("x")));
    table_remove(&table, &b.link);
    assert_ptr_equal(table_find(&table, span_of("x\0a", 3)), &a.link);
    table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_insert_find_remove),
        cmocka_unit_test(test_walk_visits_each_once_and_may_remove),
        cmocka_unit_test(test_walk_in_parts),
        cmocka_unit_test(test_keys_are_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
