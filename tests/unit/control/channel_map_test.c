#include "control/channel_map.h"
#include "tests/unit/unit.h"

#define ROOM span_text("room")

static struct channel_map map;
static struct channel_holder one, two;

static int set_up(void **state)
{
    (void)state;
    channel_map_init(&map);
    channel_holder_init(&one);
    channel_holder_init(&two);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    channel_map_forget(&map, &one);
    channel_map_forget(&map, &two);
    channel_map_fini(&map);
    return 0;
}

static bool is_marked(const struct channel_holder *holder)
{
    return channel_map_is_marked(&map, holder, ROOM);
}

static void join_marks_and_leave_unmarks(void **state)
{
    (void)state;
    assert_false(is_marked(&one));
    channel_map_join(&map, &one, ROOM);
    channel_map_join(&map, &one, ROOM);
    assert_true(is_marked(&one));
    assert_false(is_marked(&two));
    assert_int_equal(one.count, 1);
    channel_map_leave(&map, &one, ROOM, 0);
    assert_false(is_marked(&one));
    assert_int_equal(map.channels.count, 0);
    channel_map_leave(&map, &one, ROOM, 0);
}

static void leave_does_not_undo_a_later_subscribe(void **state)
{
    (void)state;
    channel_map_join(&map, &one, ROOM);
    channel_map_subscribe(&map, &one, ROOM, 8);
    channel_map_leave(&map, &one, ROOM, 7);
    assert_true(is_marked(&one));
    channel_map_leave(&map, &one, ROOM, 8);
    assert_false(is_marked(&one));
}

static void a_subscribe_without_join_goes_with_its_receipt(void **state)
{
    (void)state;
    channel_map_subscribe(&map, &one, ROOM, 5);
    channel_map_subscribe(&map, &one, ROOM, 6);
    channel_map_subscribed(&map, &one, ROOM, 5);
    assert_true(is_marked(&one));
    channel_map_subscribed(&map, &one, ROOM, 6);
    assert_false(is_marked(&one));
    channel_map_subscribed(&map, &one, ROOM, 6);
}

static void a_subscribe_with_join_stays(void **state)
{
    (void)state;
    channel_map_subscribe(&map, &one, ROOM, 5);
    channel_map_join(&map, &one, ROOM);
    channel_map_subscribed(&map, &one, ROOM, 5);
    assert_true(is_marked(&one));
}

static void after_an_ignored_leave_only_a_new_join_counts(void **state)
{
    (void)state;
    channel_map_join(&map, &one, ROOM);
    channel_map_subscribe(&map, &one, ROOM, 9);
    channel_map_leave(&map, &one, ROOM, 3);
    channel_map_subscribed(&map, &one, ROOM, 9);
    assert_false(is_marked(&one));
}

static void an_announcement_replaces_the_one_before(void **state)
{
    (void)state;
    channel_map_join(&map, &one, ROOM);
    channel_map_join(&map, &one, span_text("stays"));
    channel_map_announce(&one);
    assert_true(is_marked(&one)); /* until the announcement is complete */
    channel_map_join(&map, &one, span_text("stays"));
    channel_map_announced(&map, &one, 1);
    assert_false(is_marked(&one));
    assert_true(channel_map_is_marked(&map, &one, span_text("stays")));
}

static void an_announcement_keeps_what_may_not_be_applied(void **state)
{
    (void)state;
    channel_map_subscribe(&map, &one, ROOM, 4);
    channel_map_announce(&one);
    channel_map_announced(&map, &one, 4);
    assert_true(is_marked(&one));
    channel_map_announce(&one);
    channel_map_announced(&map, &one, 5);
    assert_false(is_marked(&one));
}

static void a_stamp_is_on_all_that_are_marked_and_no_other(void **state)
{
    (void)state;
    channel_map_join(&map, &one, ROOM);
    uint64_t stamp = channel_map_stamp(&map, ROOM);
    assert_true(one.stamp == stamp);
    assert_false(two.stamp == stamp);
    channel_map_join(&map, &two, ROOM);
    stamp = channel_map_stamp(&map, ROOM);
    assert_true(one.stamp == stamp && two.stamp == stamp);
    stamp = channel_map_stamp(&map, span_text("empty"));
    assert_false(one.stamp == stamp || two.stamp == stamp);
}

static void forgetting_an_edge_leaves_the_others(void **state)
{
    (void)state;
    channel_map_join(&map, &one, ROOM);
    channel_map_join(&map, &two, ROOM);
    channel_map_forget(&map, &one);
    assert_false(is_marked(&one));
    assert_true(is_marked(&two));
    assert_int_equal(one.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(join_marks_and_leave_unmarks),
        TEST(leave_does_not_undo_a_later_subscribe),
        TEST(a_subscribe_without_join_goes_with_its_receipt),
        TEST(a_subscribe_with_join_stays),
        TEST(after_an_ignored_leave_only_a_new_join_counts),
        TEST(an_announcement_replaces_the_one_before),
        TEST(an_announcement_keeps_what_may_not_be_applied),
        TEST(a_stamp_is_on_all_that_are_marked_and_no_other),
        TEST(forgetting_an_edge_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
