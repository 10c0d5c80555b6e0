#include "router/change_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(text) span_text(text)

static size_t memberships_of(struct change_set *set, const char *connection, bool is_member)
{
    const struct connection_change *change = change_set_find(set, TEXT(connection));
    size_t count = 0;

    LIST_FOR_EACH(&change->memberships, link)
        count += LIST_ENTRY(link, struct membership_change, of_change)->is_member == is_member;
    return count;
}

static void rows_are_merged(void **state)
{
    struct change_set *set = change_set_new(7);

    (void)state;
    change_set_row(set, TEXT("a"),
                   &(struct connection_row){.state = CONNECTION_OPENING,
                                            .metadata = TEXT("{}"),
                                            .ip = TEXT("::1"),
                                            .created_ms = 5});
    change_set_row(set, TEXT("a"),
                   &(struct connection_row){.state = CONNECTION_OPEN, .opened_ms = 9});
    change_set_row(set, TEXT("a"),
                   &(struct connection_row){.state = CONNECTION_OPEN, .metadata = TEXT("12345")});
    const struct connection_change *change = change_set_find(set, TEXT("a"));
    assert_int_equal(set->count, 1);
    assert_int_equal(change->state, CONNECTION_OPEN);
    assert_string_equal(change->metadata, "12345");
    assert_int_equal(change->metadata_length, 5);
    assert_string_equal(change->ip, "::1");
    assert_null(change->path);
    assert_int_equal(change->created_ms, 5);
    assert_int_equal(change->opened_ms, 9);
    change_set_destroy(&set);
    assert_null(set);
}

static void the_last_word_on_a_membership_counts(void **state)
{
    struct change_set *set = change_set_new(0);

    (void)state;
    change_set_membership(set, TEXT("a"), TEXT("x"), true);
    change_set_membership(set, TEXT("a"), TEXT("y"), true);
    change_set_membership(set, TEXT("a"), TEXT("x"), false);
    change_set_membership(set, TEXT("b"), TEXT("x"), true);
    assert_int_equal(memberships_of(set, "a", true), 1);
    assert_int_equal(memberships_of(set, "a", false), 1);
    assert_int_equal(memberships_of(set, "b", true), 1);
    assert_int_equal(set->count, 5);
    assert_false(change_set_find(set, TEXT("a"))->has_row);
    change_set_destroy(&set);
}

static void whole_and_deleted_void_what_was_before(void **state)
{
    struct change_set *set = change_set_new(0);
    size_t bytes = set->bytes;

    (void)state;
    change_set_membership(set, TEXT("a"), TEXT("x"), true);
    change_set_whole(set, TEXT("a"));
    assert_int_equal(memberships_of(set, "a", true), 0);
    change_set_membership(set, TEXT("a"), TEXT("y"), true);
    assert_true(change_set_find(set, TEXT("a"))->is_whole);
    assert_int_equal(memberships_of(set, "a", true), 1);
    change_set_delete(set, TEXT("a"));
    change_set_membership(set, TEXT("a"), TEXT("z"), true); /* comes too late */
    assert_true(change_set_find(set, TEXT("a"))->is_deleted);
    assert_int_equal(set->count, 1);
    assert_int_equal(set->memberships.count, 0);
    assert_true(set->bytes > bytes);
    change_set_destroy(&set);
}

static void halves(void **state)
{
    struct change_set *set = change_set_new(3);
    const char *const names[] = {"a", "b", "c", "d", "e"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        change_set_row(set, TEXT(names[i]), &(struct connection_row){.metadata = TEXT("1")});
        change_set_membership(set, TEXT(names[i]), TEXT("x"), true);
    }
    set->is_prune = true;
    set->edge_state = "left";
    size_t bytes = set->bytes;
    struct change_set *second = change_set_split(set);
    assert_int_equal(set->changes.count, 3);
    assert_int_equal(second->changes.count, 2);
    assert_int_equal(set->count, 6);
    assert_int_equal(second->count, 4);
    assert_int_equal(set->bytes + second->bytes, bytes + sizeof *second);
    assert_false(set->is_prune || set->edge_state);
    assert_true(second->is_prune && second->edge_state);
    assert_int_equal(second->oldest_ms, 3);
    const struct connection_change *first =
        LIST_FIRST(&second->in_order, struct connection_change, of_set);
    assert_true(span_is(connection_change_id(first), "d"));
    assert_int_equal(memberships_of(second, "e", true), 1);
    change_set_destroy(&set);
    change_set_destroy(&second);
}

/* Splits off the second half; how many memberships of "a" it took. */
static size_t split_off(struct change_set *set)
{
    size_t memberships = set->memberships.count;
    struct change_set *second = change_set_split(set);
    size_t moved = memberships_of(second, "a", true);

    assert_int_equal(second->memberships.count, moved);
    assert_int_equal(set->memberships.count, memberships - moved);
    assert_int_equal(second->count, moved + 1);
    assert_true(second->bytes > sizeof *second);
    assert_false(change_set_find(second, TEXT("a"))->has_row);
    change_set_membership(second, TEXT("a"), TEXT("z"), true); /* its keys went along */
    change_set_destroy(&second);
    return moved;
}

static void a_single_connection_is_split_by_membership(void **state)
{
    const char *const channels[] = {"v", "w", "x", "y", "z"};
    struct change_set *set = change_set_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(channels); i++)
        change_set_membership(set, TEXT("a"), TEXT(channels[i]), true);
    assert_int_equal(split_off(set), 2);
    assert_int_equal(split_off(set), 1);
    change_set_row(set, TEXT("a"), &(struct connection_row){.state = CONNECTION_OPEN});
    assert_int_equal(split_off(set), 1);
    assert_int_equal(split_off(set), 1); /* and the row is alone */
    assert_false(change_set_can_split(set));
    assert_true(change_set_find(set, TEXT("a"))->has_row);
    assert_int_equal(set->count, 1);
    change_set_destroy(&set);
}

/* A row that is refused takes nothing with it that comes after all rows. */
static void the_end_of_an_edge_is_split_off(void **state)
{
    (void)state;
    struct change_set *set = change_set_new(0);
    assert_false(change_set_can_split(set));
    set->edge_state = "left";
    assert_false(change_set_can_split(set));
    change_set_membership(set, TEXT("a"), TEXT("x"), true);
    struct change_set *second = change_set_split(set);
    assert_false(change_set_can_split(set) || change_set_can_split(second));
    assert_int_equal(set->memberships.count, 1);
    assert_int_equal(second->changes.count, 0);
    assert_string_equal(second->edge_state, "left");
    change_set_destroy(&set);
    change_set_destroy(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_merged),
        cmocka_unit_test(the_last_word_on_a_membership_counts),
        cmocka_unit_test(whole_and_deleted_void_what_was_before),
        cmocka_unit_test(halves),
        cmocka_unit_test(a_single_connection_is_split_by_membership),
        cmocka_unit_test(the_end_of_an_edge_is_split_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
