#include "common/contract/command.h"
#include "control/edge.h"
#include "tests/unit/control/fake_link.h"
#include "tests/unit/unit.h"

#define ID   span_text("edge-00001")
#define ROOM span_text("room")

static struct channel_map map;
static struct edge_set set;
static struct link link;
static size_t unknown_calls;
static size_t applied, gone, polled;
static struct record_command_body bodies[40];
static struct parcel parcel;

static void on_unknown(void *context)
{
    (void)context;
    unknown_calls++;
}

static void on_applied(struct parcel *p, size_t index)
{
    (void)p;
    (void)index;
    applied++;
}

static void on_gone(struct parcel *p, size_t index)
{
    (void)p;
    (void)index;
    gone++;
}

static void on_polled(struct parcel *p)
{
    (void)p;
    polled++;
}

static int set_up(void **state)
{
    (void)state;
    unknown_calls = applied = gone = polled = 0;
    channel_map_init(&map);
    edge_set_init(&set, &map, 5000);
    set.on_unknown = on_unknown;
    fake_link_init(&link);
    parcel = (struct parcel){.commands = bodies,
                             .count = ARRAY_LENGTH(bodies),
                             .on_applied = on_applied,
                             .on_gone = on_gone,
                             .on_polled = on_polled};
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++)
        bodies[i] = (struct record_command_body){.type = COMMAND_TEXT, .target = span_text("c")};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_set_fini(&set);
    channel_map_fini(&map);
    fake_link_fini(&link);
    return 0;
}

static struct edge *linked_edge(void)
{
    struct edge *edge = edge_set_get(&set, ID);
    edge_linked(edge, &link);
    return edge;
}

static size_t sent(uint64_t *ret_numbers)
{
    struct fake_link_command commands[FAKE_LINK_COMMANDS];
    size_t count = fake_link_take(&link, commands);
    for (size_t i = 0; i < count; i++)
        ret_numbers[i] = commands[i].number;
    return count;
}

static void a_command_goes_at_once_and_waits_for_its_receipt(void **state)
{
    uint64_t numbers[FAKE_LINK_COMMANDS];
    struct edge *edge = linked_edge();
    (void)state;

    assert_int_equal(edge_send(&set, edge, &parcel, 0), 1);
    assert_int_equal(edge_send(&set, edge, &parcel, 1), 2);
    assert_int_equal(sent(numbers), 2);
    assert_int_equal(numbers[1], 2);
    edge_receipt(&set, edge, 1, 1);
    assert_int_equal(applied, 1);
    edge_receipt(&set, edge, 0, UINT64_MAX); /* whatever a peer says */
    assert_int_equal(applied, 2);
    edge_receipt(&set, edge, 1, 2);
    assert_int_equal(applied, 2);
}

static void a_new_session_repeats_what_has_no_receipt(void **state)
{
    uint64_t numbers[FAKE_LINK_COMMANDS];
    struct edge *edge = linked_edge();
    (void)state;

    for (size_t i = 0; i < 3; i++)
        (void)edge_send(&set, edge, &parcel, i);
    assert_int_equal(sent(numbers), 3);
    edge_receipt(&set, edge, 2, 2);
    edge_unlinked(&set, edge, 0);
    (void)edge_send(&set, edge, &parcel, 3);
    assert_int_equal(sent(numbers), 0);
    edge_linked(edge, &link);
    assert_int_equal(sent(numbers), 3);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(numbers[1], 3);
    assert_int_equal(numbers[2], 4);
}

static void a_full_link_parks_commands(void **state)
{
    uint64_t numbers[FAKE_LINK_COMMANDS];
    struct edge *edge = linked_edge();
    (void)state;

    link.is_full = true;
    assert_true(edge_is_full(edge));
    (void)edge_send(&set, edge, &parcel, 0);
    assert_int_equal(sent(numbers), 0);
    assert_int_equal(outbox_parked(&edge->outbox), 1);
    link.is_full = false;
    edge_flush(edge);
    assert_int_equal(sent(numbers), 1);
}

static void a_dead_edge_lets_its_commands_go(void **state)
{
    struct edge *edge = linked_edge();
    (void)state;

    bodies[0].type = COMMAND_SUBSCRIBE;
    bodies[0].channel = ROOM;
    (void)edge_send(&set, edge, &parcel, 0);
    (void)edge_send(&set, edge, &parcel, 1);
    assert_true(channel_map_is_marked(&map, &edge->holder, ROOM));
    edge_bury(&set, edge, 0);
    assert_int_equal(gone, 2);
    assert_int_equal(applied, 0);
    assert_false(channel_map_is_marked(&map, &edge->holder, ROOM));
    edge_join(&set, edge, ROOM); /* it does not know yet that it is dead */
    assert_false(edge_is_concerned(&set, edge, channel_map_stamp(&map, ROOM)));
    edge_unlinked(&set, edge, 0);
    edge_set_sweep(&set, EDGE_GONE_MS);
    assert_null(edge_set_find(&set, ID));
}

static void an_unknown_edge_is_asked_about_once(void **state)
{
    struct edge *edge = edge_set_get(&set, ID);
    (void)state;

    assert_int_equal(unknown_calls, 0);
    (void)edge_send(&set, edge, &parcel, 0);
    (void)edge_send(&set, edge, &parcel, 1);
    assert_int_equal(unknown_calls, 1);
    assert_true(LIST_FIRST(&set.unknown, struct edge, in_unknown) == edge);
    edge_bury(&set, edge, 10);
    assert_true(list_is_empty(&set.unknown));
    assert_int_equal(gone, 2);
    assert_true(edge->is_gone);
    edge_set_sweep(&set, 10 + EDGE_GONE_MS - 1);
    assert_ptr_equal(edge_set_find(&set, ID), edge);
    edge_set_sweep(&set, 10 + EDGE_GONE_MS);
    assert_null(edge_set_find(&set, ID));
}

static void one_that_is_vouched_for_waits_and_is_asked_about_again(void **state)
{
    struct edge *edge = edge_set_get(&set, ID);
    (void)state;

    (void)edge_send(&set, edge, &parcel, 0);
    edge_vouch(edge, 100);
    assert_int_equal(gone, 0);
    edge_set_sweep(&set, 100 + 4999);
    assert_int_equal(unknown_calls, 1);
    edge_set_sweep(&set, 100 + 5000);
    assert_int_equal(unknown_calls, 2);
    edge_linked(edge, &link);
    assert_true(list_is_empty(&set.unknown));
}

static void one_on_the_roll_is_waited_for(void **state)
{
    struct edge *edge = edge_set_get(&set, ID);
    (void)state;

    edge_set_on_roll(&set, edge, true);
    (void)edge_send(&set, edge, &parcel, 0);
    assert_int_equal(unknown_calls, 0);
    edge_set_sweep(&set, INT64_MAX);
    assert_ptr_equal(edge_set_find(&set, ID), edge);
    edge_set_on_roll(&set, edge, false);
    assert_int_equal(unknown_calls, 1);
}

static void numbers_go_on_after_an_edge_was_forgotten(void **state)
{
    struct edge *edge = linked_edge();
    (void)state;

    assert_int_equal(edge_send(&set, edge, &parcel, 0), 1);
    edge_receipt(&set, edge, 1, 1);
    edge_unlinked(&set, edge, 0);
    edge_set_sweep(&set, 0);
    assert_null(edge_set_find(&set, ID));
    edge = linked_edge();
    assert_int_equal(edge_send(&set, edge, &parcel, 0), 2);
}

static void a_fan_out_reaches_whom_it_may_concern(void **state)
{
    struct edge *edge = edge_set_get(&set, ID);
    (void)state;
#define CONCERNED edge_is_concerned(&set, edge, channel_map_stamp(&map, ROOM))

    assert_false(CONCERNED); /* nobody knows it */
    edge_set_on_roll(&set, edge, true);
    assert_true(CONCERNED); /* on the roll, never heard */
    edge_linked(edge, &link);
    assert_true(CONCERNED); /* has not announced */
    edge_announced(&set, edge);
    assert_false(CONCERNED);
    link.is_current = false;
    assert_true(CONCERNED); /* a JOIN may be under way */
    link.is_current = true;
    edge_join(&set, edge, ROOM);
    assert_true(CONCERNED);
    edge_leave(&set, edge, ROOM, 0);
    assert_false(CONCERNED);
    bodies[0].type = COMMAND_SUBSCRIBE;
    bodies[0].channel = ROOM;
    (void)edge_send(&set, edge, &parcel, 0);
    assert_true(CONCERNED); /* the next command sees the SUBSCRIBE */
    edge_receipt(&set, edge, 1, 1);
    assert_false(CONCERNED); /* no JOIN: that connection was gone */
}

static void a_poll_is_over_when_polled_says_so(void **state)
{
    struct edge *edge = linked_edge();
    (void)state;

    edge_poll(&set, edge, &parcel, 0);
    edge_polled(edge, 99);
    assert_int_equal(polled, 0);
    edge_receipt(&set, edge, 1, 1);
    assert_int_equal(polled, 0);
    edge_polled(edge, 1);
    assert_int_equal(polled, 1);
    edge_polled(edge, 1);
    assert_int_equal(polled, 1);
}

static void a_poll_is_asked_again_in_a_new_session(void **state)
{
    uint64_t numbers[FAKE_LINK_COMMANDS];
    struct edge *edge = linked_edge();
    (void)state;

    edge_poll(&set, edge, &parcel, 0);
    edge_receipt(&set, edge, 1, 1);
    assert_int_equal(sent(numbers), 1);
    edge_unlinked(&set, edge, 0);
    edge_linked(edge, &link);
    assert_int_equal(sent(numbers), 1);
    assert_int_equal(numbers[0], 2);
    edge_polled(edge, 2);
    assert_int_equal(polled, 1);
}

/* RECEIPT and POLLED lie in one packet, and are lost together: to the edge number 1 is applied. */
static void a_poll_without_a_receipt_is_asked_again_too(void **state)
{
    uint64_t numbers[FAKE_LINK_COMMANDS];
    struct edge *edge = linked_edge();
    (void)state;

    edge_poll(&set, edge, &parcel, 0);
    assert_int_equal(sent(numbers), 1);
    edge_unlinked(&set, edge, 0);
    edge_linked(edge, &link);
    assert_int_equal(sent(numbers), 2);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(numbers[1], 2);
    edge_polled(edge, 1); /* should both be new to the edge, one answer counts */
    assert_int_equal(polled, 0);
    edge_receipt(&set, edge, 1, 2);
    edge_polled(edge, 2);
    assert_int_equal(polled, 1);
    assert_int_equal(parcel.receipts, 0);
}

static void a_poll_ends_with_its_edge_or_when_cancelled(void **state)
{
    struct edge *edge = linked_edge();
    (void)state;

    edge_poll(&set, edge, &parcel, 0);
    edge_poll_cancel(&parcel);
    edge_poll_cancel(&parcel);
    edge_polled(edge, 1);
    assert_int_equal(polled, 0);
    edge_poll(&set, edge, &parcel, 0);
    edge_bury(&set, edge, 0);
    assert_int_equal(polled, 1);
    assert_int_equal(gone, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_command_goes_at_once_and_waits_for_its_receipt),
        TEST(a_new_session_repeats_what_has_no_receipt),
        TEST(a_full_link_parks_commands),
        TEST(a_dead_edge_lets_its_commands_go),
        TEST(an_unknown_edge_is_asked_about_once),
        TEST(one_that_is_vouched_for_waits_and_is_asked_about_again),
        TEST(one_on_the_roll_is_waited_for),
        TEST(numbers_go_on_after_an_edge_was_forgotten),
        TEST(a_fan_out_reaches_whom_it_may_concern),
        TEST(a_poll_is_over_when_polled_says_so),
        TEST(a_poll_is_asked_again_in_a_new_session),
        TEST(a_poll_without_a_receipt_is_asked_again_too),
        TEST(a_poll_ends_with_its_edge_or_when_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
