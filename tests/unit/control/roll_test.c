#include "control/roll.h"
#include "tests/unit/unit.h"

#define E1 span_text("edge-00001")
#define E2 span_text("edge-00002")

static struct roll roll;

static int set_up(void **state)
{
    (void)state;
    roll_init(&roll);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    roll_fini(&roll);
    return 0;
}

/* One edge live and one dead at most; NULL data: none. */
static bool say(const char *router, uint64_t version, struct span live, uint64_t live_epoch,
                struct span dead, uint64_t dead_epoch)
{
    struct record_roll_entry live_entry = {.edge = live, .epoch = live_epoch};
    struct record_roll_entry dead_entry = {.edge = dead, .epoch = dead_epoch};
    struct message_roll message = {.router = span_text(router),
                                   .version = version,
                                   .live = {&live_entry, live.data ? 1 : 0},
                                   .dead = {&dead_entry, dead.data ? 1 : 0}};
    return roll_update(&roll, &message, 1000);
}

static const struct span NONE = {.data = NULL, .length = 0};

static void an_edge_is_what_its_router_says(void **state)
{
    (void)state;
    assert_int_equal(roll_standing(&roll, E1), ROLL_UNKNOWN);
    assert_int_equal(roll_router_count(&roll), 0);
    assert_true(say("a", 1, E1, 2, E2, 1));
    assert_int_equal(roll_standing(&roll, E1), ROLL_LIVE);
    assert_int_equal(roll_standing(&roll, E2), ROLL_DEAD);
    assert_int_equal(roll.live_count, 1);
    assert_int_equal(roll_epoch(&roll, E1), 2);
    assert_int_equal(roll_router_count(&roll), 1);
}

static void a_list_replaces_the_one_before(void **state)
{
    (void)state;
    assert_true(say("a", 1, E1, 1, NONE, 0));
    assert_true(say("a", 2, E2, 1, NONE, 0));
    assert_int_equal(roll_standing(&roll, E1), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, E2), ROLL_LIVE);
    assert_int_equal(roll_version(&roll), 2);
}

static void an_old_list_changes_nothing(void **state)
{
    (void)state;
    assert_true(say("a", 5, E1, 1, NONE, 0));
    assert_false(say("a", 5, NONE, 0, E1, 1));
    assert_false(say("a", 4, NONE, 0, E1, 1));
    assert_int_equal(roll_standing(&roll, E1), ROLL_LIVE);
}

static void the_higher_epoch_counts_whoever_speaks_last(void **state)
{
    (void)state;
    assert_true(say("b", 1, E1, 4, NONE, 0));
    assert_true(say("a", 1, NONE, 0, E1, 3));
    assert_int_equal(roll_standing(&roll, E1), ROLL_LIVE);
    assert_true(say("b", 2, NONE, 0, E1, 4));
    assert_int_equal(roll_standing(&roll, E1), ROLL_DEAD);
}

static void at_the_same_epoch_dead_counts(void **state)
{
    (void)state;
    assert_true(say("a", 1, NONE, 0, E1, 3));
    assert_true(say("b", 1, E1, 3, NONE, 0));
    assert_int_equal(roll_standing(&roll, E1), ROLL_DEAD);
}

static void dead_without_an_epoch_is_final(void **state)
{
    (void)state;
    assert_true(say("a", 1, E1, 7, NONE, 0));
    assert_true(say("b", 1, NONE, 0, E1, 0));
    assert_int_equal(roll_standing(&roll, E1), ROLL_DEAD);
    assert_true(say("c", 1, E2, 0, NONE, 0));
    assert_int_equal(roll_standing(&roll, E2), ROLL_LIVE);
}

static void the_table_is_no_router(void **state)
{
    (void)state;
    assert_true(say(ROLL_DATABASE, 9, NONE, 0, E1, 1));
    assert_int_equal(roll_router_count(&roll), 0);
    assert_int_equal(roll_version(&roll), 0);
    assert_int_equal(roll_standing(&roll, E1), ROLL_DEAD);
    assert_false(roll_has_router(&roll, span_text("a")));
    assert_true(say("a", 1, NONE, 0, NONE, 0));
    assert_true(roll_has_router(&roll, span_text("a")));
}

static void ids_that_are_none_are_ignored(void **state)
{
    (void)state;
    assert_true(say("a", 1, span_text("short"), 1, span_text("much too long for one"), 1));
    assert_null(roll_first(&roll));
}

static void what_an_ended_router_said_is_kept_until_it_means_nothing(void **state)
{
    struct message_roll nothing = {.router = span_text("b"), .version = 1};
    (void)state;
    assert_true(say("a", 1, E1, 1, NONE, 0));
    assert_true(say("old", 1, NONE, 0, E2, 1));
    assert_true(roll_update(&roll, &nothing, 1000 + ROLL_KEEP_MS + 1));
    assert_true(roll_has_router(&roll, span_text("a")));
    assert_false(roll_has_router(&roll, span_text("old")));
    assert_int_equal(roll_standing(&roll, E1), ROLL_LIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_edge_is_what_its_router_says),
        TEST(a_list_replaces_the_one_before),
        TEST(an_old_list_changes_nothing),
        TEST(the_higher_epoch_counts_whoever_speaks_last),
        TEST(at_the_same_epoch_dead_counts),
        TEST(dead_without_an_epoch_is_final),
        TEST(the_table_is_no_router),
        TEST(ids_that_are_none_are_ignored),
        TEST(what_an_ended_router_said_is_kept_until_it_means_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
