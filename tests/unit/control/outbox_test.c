#include "control/outbox.h"
#include "control/parcel.h"
#include "tests/unit/unit.h"

static struct parcel parcel;
static struct outbox outbox;

static int set_up(void **state)
{
    (void)state;
    outbox_init(&outbox, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    outbox_fini(&outbox);
    return 0;
}

static void add(size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)outbox_append(&outbox, &parcel, i);
}

static void send_until(uint64_t last)
{
    struct outbox_entry entry;
    uint64_t number = 0;
    while (number < last)
        assert_true(outbox_take_unsent(&outbox, &number, &entry));
}

static void numbers_grow_by_one_from_the_first(void **state)
{
    (void)state;
    outbox_fini(&outbox);
    outbox_init(&outbox, 41);
    assert_int_equal(outbox_append(&outbox, &parcel, 0), 41);
    assert_int_equal(outbox_append(&outbox, &parcel, 1), 42);
    assert_int_equal(outbox_parked(&outbox), 2);
}

static void what_is_taken_is_what_was_added(void **state)
{
    struct outbox_entry entry;
    uint64_t number;
    (void)state;

    assert_false(outbox_take_unsent(&outbox, &number, &entry));
    add(100);
    for (uint64_t n = 1; n <= 100; n++) {
        assert_true(outbox_take_unsent(&outbox, &number, &entry));
        assert_int_equal(number, n);
        assert_int_equal(entry.index, n - 1);
        assert_ptr_equal(entry.parcel, &parcel);
    }
    assert_false(outbox_take_unsent(&outbox, &number, &entry));
    assert_int_equal(outbox_parked(&outbox), 0);
    assert_int_equal(outbox.waiting, 100);
}

static void receipts_come_once_and_in_any_order(void **state)
{
    struct outbox_entry entry;
    (void)state;

    add(5);
    send_until(5);
    assert_true(outbox_receipt(&outbox, 3, &entry));
    assert_int_equal(entry.index, 2);
    assert_false(outbox_receipt(&outbox, 3, &entry));
    assert_int_equal(outbox.first, 1);
    assert_true(outbox_receipt(&outbox, 1, &entry));
    assert_int_equal(outbox.first, 2);
    assert_true(outbox_receipt(&outbox, 2, &entry));
    assert_int_equal(outbox.first, 4);
    assert_int_equal(outbox.waiting, 2);
}

static void numbers_never_given_out_are_ignored(void **state)
{
    struct outbox_entry entry;
    (void)state;

    assert_false(outbox_receipt(&outbox, 1, &entry));
    add(2);
    assert_false(outbox_receipt(&outbox, 0, &entry));
    assert_false(outbox_receipt(&outbox, 3, &entry));
    assert_false(outbox_receipt(&outbox, UINT64_MAX, &entry));
    assert_int_equal(outbox.waiting, 2);
}

static void a_new_session_sends_again_what_has_no_receipt(void **state)
{
    struct outbox_entry entry;
    uint64_t number;
    (void)state;

    add(4);
    send_until(3);
    assert_true(outbox_receipt(&outbox, 2, &entry));
    outbox_rewind(&outbox);
    const uint64_t again[] = {1, 3, 4};
    for (size_t i = 0; i < ARRAY_LENGTH(again); i++) {
        assert_true(outbox_take_unsent(&outbox, &number, &entry));
        assert_int_equal(number, again[i]);
    }
    assert_false(outbox_take_unsent(&outbox, &number, &entry));
}

static void a_late_receipt_overtakes_the_repetition(void **state)
{
    struct outbox_entry entry;
    uint64_t number;
    (void)state;

    add(2);
    send_until(2);
    outbox_rewind(&outbox);
    assert_true(outbox_receipt(&outbox, 1, &entry));
    assert_true(outbox_take_unsent(&outbox, &number, &entry));
    assert_int_equal(number, 2);
}

static void the_ring_goes_round(void **state)
{
    struct outbox_entry entry;
    (void)state;

    for (uint64_t n = 1; n <= 1000; n++) {
        add(1);
        send_until(n);
        if (n > 10)
            assert_true(outbox_receipt(&outbox, n - 10, &entry));
    }
    assert_int_equal(outbox.waiting, 10);
    assert_int_equal(outbox.capacity, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(numbers_grow_by_one_from_the_first),
        TEST(what_is_taken_is_what_was_added),
        TEST(receipts_come_once_and_in_any_order),
        TEST(numbers_never_given_out_are_ignored),
        TEST(a_new_session_sends_again_what_has_no_receipt),
        TEST(a_late_receipt_overtakes_the_repetition),
        TEST(the_ring_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
