#include "edge/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/base/random.h"

static struct channel_index channels;

static int setup(void **state)
{
    (void)state;
    channel_index_init(&channels);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    channel_index_fini(&channels);
    return 0;
}

static enum channel_subscribed join(struct memberships *memberships, const char *name)
{
    struct channel *channel;
    enum channel_subscribed result =
        channel_subscribe(&channels, memberships, span_text(name), &channel);
    assert_ptr_equal(channel, channel_find(&channels, span_text(name)));
    return result;
}

static void test_first_second_and_again(void **state)
{
    struct memberships a = {0}, b = {0};
    (void)state;
    assert_null(channel_find(&channels, span_text("room")));
    assert_int_equal(join(&a, "room"), CHANNEL_FIRST_MEMBER);
    assert_int_equal(join(&a, "room"), CHANNEL_ALREADY_MEMBER);
    assert_int_equal(join(&b, "room"), CHANNEL_MEMBER);
    assert_int_equal(channels.subscriptions, 2);
    assert_int_equal(channels.nonempty, 1);
    memberships_fini(&channels, &a, 0);
    memberships_fini(&channels, &b, 0);
    assert_int_equal(channels.subscriptions, 0);
    assert_int_equal(channels.nonempty, 0);
}

static void test_unsubscribing_what_one_is_not_in(void **state)
{
    struct memberships a = {0}, b = {0};
    (void)state;
    assert_false(channel_unsubscribe(&channels, &a, span_text("room"), 0));
    assert_int_equal(join(&b, "room"), CHANNEL_FIRST_MEMBER);
    assert_false(channel_unsubscribe(&channels, &a, span_text("room"), 0));
    assert_true(channel_unsubscribe(&channels, &b, span_text("room"), 0));
    assert_false(channel_unsubscribe(&channels, &b, span_text("room"), 0));
    memberships_fini(&channels, &a, 0);
    memberships_fini(&channels, &b, 0);
}

static void test_leaving_is_lazy(void **state)
{
    struct memberships a = {0};
    (void)state;
    assert_int_equal(join(&a, "room"), CHANNEL_FIRST_MEMBER);
    assert_null(channel_index_expired(&channels, INT64_MAX));
    assert_true(channel_unsubscribe(&channels, &a, span_text("room"), 1000));
    assert_null(channel_index_expired(&channels, 1000 + CHANNEL_LINGER_MS - 1));
    assert_int_equal(join(&a, "room"), CHANNEL_MEMBER); /* control never heard of its absence */
    assert_null(channel_index_expired(&channels, INT64_MAX));
    memberships_fini(&channels, &a, 2000);
    struct channel *channel = channel_index_expired(&channels, 2000 + CHANNEL_LINGER_MS);
    assert_non_null(channel);
    channel_destroy(&channels, &channel);
    assert_null(channel_find(&channels, span_text("room")));
    assert_int_equal(join(&a, "room"), CHANNEL_FIRST_MEMBER);
    memberships_fini(&channels, &a, 3000);
}

/* Both sides of every membership must point at each other, whatever was removed in between. */
static void check(const struct memberships *all, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += all[i].count;
        for (uint32_t slot = 0; slot < all[i].count; slot++) {
            const struct membership *membership = &all[i].items[slot];
            const struct member *member = &membership->channel->members[membership->position];
            assert_true(membership->position < membership->channel->count);
            assert_ptr_equal(member->of, &all[i]);
            assert_int_equal(member->slot, slot);
        }
    }
    assert_int_equal(total, channels.subscriptions);
}

static void test_both_sides_stay_true(void **state)
{
    struct memberships all[8] = {0};
    bool expected[8][12] = {0};
    (void)state;
    for (int step = 0; step < 20000; step++) {
        size_t who = random_below(8), where = random_below(12);
        char name[16];
        snprintf(name, sizeof(name), "channel-%zu", where);
        if (random_below(50) == 0) {
            memberships_fini(&channels, &all[who], step);
            memset(expected[who], 0, sizeof(expected[who]));
        } else if (random_below(2)) {
            bool was_member = join(&all[who], name) == CHANNEL_ALREADY_MEMBER;
            assert_int_equal(was_member, expected[who][where]);
            expected[who][where] = true;
        } else {
            bool was_member = channel_unsubscribe(&channels, &all[who], span_text(name), step);
            assert_int_equal(was_member, expected[who][where]);
            expected[who][where] = false;
        }
        check(all, ARRAY_LENGTH(all));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        memberships_fini(&channels, &all[i], 0);
    assert_int_equal(channels.nonempty, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_second_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsubscribing_what_one_is_not_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving_is_lazy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_sides_stay_true, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
