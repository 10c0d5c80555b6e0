#include "webhook-worker/roll.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

enum { KEEP_MS = 1000 };

static const struct record_roll_entry edges[] = {
    {.edge = {"edge-a", 6}, .epoch = 1},
    {.edge = {"edge-b", 6}, .epoch = 2},
};

static size_t take(struct rolls *rolls, const char *router, uint64_t version, size_t live,
                   int64_t now_ms)
{
    struct message_roll message = {
        .router = span_text(router),
        .version = version,
        .live = {.items = edges, .count = live},
    };
    return rolls_take(rolls, &message, now_ms).length;
}

/* How many rolls there are, as a control would see them. */
static size_t count_passed(const struct rolls *rolls)
{
    struct buffer packet = {0};
    struct wire_decoder decoder;
    struct wire_message message;
    size_t count = 0;
    rolls_put(rolls, &packet);
    wire_decoder_init(&decoder);
    for (struct span rest = buffer_span(&packet); rest.length > 0; count++) {
        assert_int_equal(wire_decode_next(&decoder, &rest, &message), 0);
        assert_int_equal(message.id, MESSAGE_ROLL);
    }
    wire_decoder_fini(&decoder);
    buffer_fini(&packet);
    return count;
}

static void test_latest_counts(void **state)
{
    struct rolls rolls;
    (void)state;
    rolls_init(&rolls, KEEP_MS);
    assert_int_equal(count_passed(&rolls), 0);
    assert_int_equal(rolls_version(&rolls), 0);
    assert_true(take(&rolls, "r1", 5, 2, 0) > 0);
    assert_int_equal(take(&rolls, "r1", 5, 1, 0), 0);
    assert_int_equal(take(&rolls, "r1", 4, 1, 0), 0);
    assert_int_equal(rolls_live_edges(&rolls), 2);
    assert_true(take(&rolls, "r1", 6, 1, 0) > 0);
    assert_int_equal(rolls_live_edges(&rolls), 1);
    assert_int_equal(rolls_version(&rolls), 6);
    assert_int_equal(count_passed(&rolls), 1);
    rolls_fini(&rolls);
}

static void test_what_is_passed_on(void **state)
{
    struct rolls rolls;
    struct wire_decoder decoder;
    struct wire_message message;
    struct message_roll roll = {.router = span_text("r1"),
                                .version = 9,
                                .live = {.items = edges, .count = 1},
                                .dead = {.items = edges + 1, .count = 1}};
    (void)state;
    rolls_init(&rolls, KEEP_MS);
    wire_decoder_init(&decoder);
    struct span encoded = rolls_take(&rolls, &roll, 0);
    assert_int_equal(wire_decode_next(&decoder, &encoded, &message), 0);
    assert_span(message.as.roll.router, "r1");
    assert_int_equal(message.as.roll.version, 9);
    assert_span(message.as.roll.live.items[0].edge, "edge-a");
    assert_span(message.as.roll.dead.items[0].edge, "edge-b");
    assert_int_equal(message.as.roll.dead.items[0].epoch, 2);
    wire_decoder_fini(&decoder);
    rolls_fini(&rolls);
}

static void test_each_router_has_its_own(void **state)
{
    struct rolls rolls;
    (void)state;
    rolls_init(&rolls, KEEP_MS);
    (void)take(&rolls, "r1", 1, 2, 0);
    (void)take(&rolls, "r2", 7, 1, 0);
    assert_int_equal(count_passed(&rolls), 2);
    assert_int_equal(rolls_live_edges(&rolls), 3);
    assert_int_equal(rolls_version(&rolls), 7);
    rolls_fini(&rolls);
}

/* Kept while it may merely be out of sight, and for ever when no other router speaks. */
static void test_router_that_went(void **state)
{
    struct rolls rolls;
    (void)state;
    rolls_init(&rolls, KEEP_MS);
    (void)take(&rolls, "r1", 1, 2, 0);
    rolls_router_down(&rolls, span_text("r1"), 100);
    rolls_router_down(&rolls, span_text("unknown"), 100);
    (void)take(&rolls, "r2", 1, 1, 100 + KEEP_MS - 1);
    assert_int_equal(count_passed(&rolls), 2);
    (void)take(&rolls, "r2", 2, 1, 100 + KEEP_MS);
    assert_int_equal(count_passed(&rolls), 1);
    assert_int_equal(rolls_live_edges(&rolls), 1);
    rolls_fini(&rolls);
}

static void test_router_that_came_back(void **state)
{
    struct rolls rolls;
    (void)state;
    rolls_init(&rolls, KEEP_MS);
    (void)take(&rolls, "r1", 3, 2, 0);
    rolls_router_down(&rolls, span_text("r1"), 100);
    assert_int_equal(take(&rolls, "r1", 3, 2, 100 + 2 * KEEP_MS), 0);
    (void)take(&rolls, "r2", 1, 1, 100 + 3 * KEEP_MS);
    assert_int_equal(count_passed(&rolls), 2);
    rolls_fini(&rolls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latest_counts),           cmocka_unit_test(test_what_is_passed_on),
        cmocka_unit_test(test_each_router_has_its_own), cmocka_unit_test(test_router_that_went),
        cmocka_unit_test(test_router_that_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
