#include "control/roll.h"
#include "tests/unit/unit.h"

#define E1 span_text("edge-00001")
#define E2 span_text("edge-00002")
#define E3 span_text("edge-00003")

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
static bool say_at(int64_t now_ms, const char *router, uint64_t version, struct span live,
                   uint64_t live_epoch, struct span dead, uint64_t dead_epoch)
{
    struct record_roll_entry live_entry = {.edge = live, .epoch = live_epoch};
    struct record_roll_entry dead_entry = {.edge = dead, .epoch = dead_epoch};
    struct message_roll message = {.router = span_text(router),
                                   .version = version,
                                   .live = {&live_entry, live.data ? 1 : 0},
                                   .dead = {&dead_entry, dead.data ? 1 : 0}};
    return roll_update(&roll, &message, now_ms);
}

static bool say(const char *router, uint64_t version, struct span live, uint64_t live_epoch,
                struct span dead, uint64_t dead_epoch)
{
    return say_at(1000, router, version, live, live_epoch, dead, dead_epoch);
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

/* The dead of a day, named by each router of a crash loop under a new name. */
static void the_dead_of_many_routers_are_kept_once(void **state)
{
    char name[32];
    (void)state;
    for (int i = 0; i < 3 * ROLL_ROUTERS_MAX; i++) {
        snprintf(name, sizeof name, "crashed-%d", i);
        assert_true(say(name, 1, E1, (uint64_t)i + 1, E2, 1)); /* each adopts the edge */
    }
    assert_true(say("home", 1, E1, 9999, NONE, 0));
    assert_int_equal(roll.dead.count, 1);
    assert_in_range(roll.router_count, 2, ROLL_ROUTERS_MAX);
    assert_true(roll_has_router(&roll, span_text(name)));
    assert_true(roll_has_router(&roll, span_text("home")));
    assert_int_equal(roll_standing(&roll, E1), ROLL_LIVE);
    assert_int_equal(roll_standing(&roll, E2), ROLL_DEAD);
    assert_false(say(name, 1, E2, 9, NONE, 0)); /* its version is remembered */
    assert_true(say("home", 2, E1, 1, E2, 5));
    assert_int_equal(roll_epoch(&roll, E2), 5);
}

/* What is forgotten is seen when the lists are merged anew. */
static void let_pass(int64_t now_ms)
{
    struct message_roll message = {.router = span_text("clock"), .version = (uint64_t)now_ms * 2};
    assert_true(roll_update(&roll, &message, now_ms));
    message.version++;
    assert_true(roll_update(&roll, &message, now_ms));
}

/* The list of "old" counts until another adopts its edge; its dead were named before the others. */
static void the_dead_of_an_old_list_are_forgotten_before_younger_ones(void **state)
{
    (void)state;
    assert_true(say_at(1000, "old", 1, E1, 1, E3, 1));
    assert_true(say_at(5000, "young", 1, NONE, 0, E2, 1));
    assert_true(say_at(6000, "home", 1, E1, 2, NONE, 0));
    assert_int_equal(roll.dead.count, 2);
    let_pass(1000 + ROLL_KEEP_MS + 1);
    assert_int_equal(roll_standing(&roll, E3), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, E2), ROLL_DEAD);
    let_pass(5000 + ROLL_KEEP_MS + 1);
    assert_int_equal(roll_standing(&roll, E2), ROLL_UNKNOWN);
}

static void an_old_list_makes_no_dead_older(void **state)
{
    (void)state;
    assert_true(say_at(1000, "old", 1, E1, 1, E2, 7));
    assert_true(say_at(5000, "young", 1, NONE, 0, E2, 1));
    assert_true(say_at(6000, "home", 1, E1, 2, NONE, 0));
    let_pass(5000 + ROLL_KEEP_MS);
    assert_int_equal(roll_standing(&roll, E2), ROLL_DEAD);
    assert_int_equal(roll_epoch(&roll, E2), 7);
    let_pass(5000 + ROLL_KEEP_MS + 1);
    assert_int_equal(roll_standing(&roll, E2), ROLL_UNKNOWN);
}

static void whoever_is_named_again_is_kept_longer(void **state)
{
    (void)state;
    assert_true(say_at(1000, "a", 1, NONE, 0, E2, 1));
    assert_true(say_at(2000, "b", 1, NONE, 0, E3, 1));
    assert_true(say_at(3000, "c", 1, NONE, 0, E2, 1));
    let_pass(2000 + ROLL_KEEP_MS + 1);
    assert_int_equal(roll_standing(&roll, E3), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, E2), ROLL_DEAD);
}

enum { AT_ONCE = 1000 };

/* Names so many other edges dead, from "0000000000" on. */
static void name_many(size_t lists, int64_t now_ms)
{
    static char ids[AT_ONCE][EDGE_ID_LENGTH + 1];
    static struct record_roll_entry entries[AT_ONCE];
    struct message_roll message = {.router = span_text("many"), .dead = {entries, AT_ONCE}};
    for (size_t i = 0; i < lists; i++) {
        for (size_t j = 0; j < AT_ONCE; j++) {
            snprintf(ids[j], sizeof ids[j], "%010zu", i * AT_ONCE + j);
            entries[j] = (struct record_roll_entry){.edge = span_text(ids[j]), .epoch = 1};
        }
        message.version++;
        assert_true(roll_update(&roll, &message, now_ms + (int64_t)i));
    }
}

static void the_dead_are_bounded_to_those_named_last(void **state)
{
    (void)state;
    assert_true(say_at(1000, "old", 1, E1, 1, E2, 1));
    name_many(ROLL_DEAD_MAX / AT_ONCE + 1, 2000);
    assert_int_equal(roll.dead.count, ROLL_DEAD_MAX);
    assert_true(say_at(3000, "home", 1, E1, 2, NONE, 0)); /* what "old" said goes first */
    let_pass(4000);
    assert_int_equal(roll.dead.count, ROLL_DEAD_MAX);
    assert_int_equal(roll_standing(&roll, E2), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, span_text("0000000999")), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, span_text("0000001000")), ROLL_DEAD);
    let_pass(3000 + ROLL_KEEP_MS);
    assert_int_equal(roll.dead.count, 0);
    assert_int_equal(roll_standing(&roll, span_text("0000001000")), ROLL_UNKNOWN);
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
        TEST(the_dead_of_many_routers_are_kept_once),
        TEST(the_dead_of_an_old_list_are_forgotten_before_younger_ones),
        TEST(an_old_list_makes_no_dead_older),
        TEST(whoever_is_named_again_is_kept_longer),
        TEST(the_dead_are_bounded_to_those_named_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
