#include "tests/unit/unit.h"

#include "common/base/list.h"

struct item {
    int number;
    struct list link;
};

static int order(struct list *list)
{
    int digits = 0;
    LIST_FOR_EACH(list, link) {
        digits = digits * 10 + LIST_ENTRY(link, struct item, link)->number;
    }
    return digits;
}

static void make(struct item items[4])
{
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        list_init(&items[i].link);
    }
}

static void test_order(void **state)
{
    (void)state;
    struct list list;
    struct item items[4];
    make(items);
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(LIST_FIRST(&list, struct item, link));
    list_append(&list, &items[1].link);
    list_append(&list, &items[2].link);
    list_prepend(&list, &items[0].link);
    assert_int_equal(order(&list), 123);
    assert_ptr_equal(LIST_FIRST(&list, struct item, link), &items[0]);
    list_remove(&items[1].link);
    assert_int_equal(order(&list), 13);
    assert_false(list_is_linked(&items[1].link));
    list_remove(&items[1].link); /* harmless */
    assert_int_equal(order(&list), 13);
}

static void test_remove_while_walking(void **state)
{
    (void)state;
    struct list list;
    struct item items[4];
    make(items);
    list_init(&list);
    for (int i = 0; i < 4; i++)
        list_append(&list, &items[i].link);
    LIST_FOR_EACH(&list, link) {
        if (LIST_ENTRY(link, struct item, link)->number % 2 == 0)
            list_remove(link);
    }
    assert_int_equal(order(&list), 13);
}

static void test_splice(void **state)
{
    (void)state;
    struct list a, b;
    struct item items[4];
    make(items);
    list_init(&a);
    list_init(&b);
    list_splice(&a, &b);
    assert_true(list_is_empty(&a));
    list_append(&b, &items[2].link);
    list_append(&b, &items[3].link);
    list_splice(&a, &b);
    assert_int_equal(order(&a), 34);
    assert_true(list_is_empty(&b));
    list_append(&b, &items[0].link);
    list_splice(&a, &b);
    assert_int_equal(order(&a), 341);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove_while_walking),
        cmocka_unit_test(test_splice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
