#include "webhook-worker/breaker.h"

#include "tests/unit/unit.h"

enum { MOST = 1023 }; /* jitter: the whole pause */

static const struct breaker_settings settings = {.failures = 3, .first_ms = 1000, .last_ms = 5000};

static struct breaker closed(void)
{
    struct breaker breaker;
    breaker_init(&breaker, settings);
    return breaker;
}

/* At time 0, with the whole pause before it. */
static struct breaker opened(void)
{
    struct breaker breaker = closed();
    for (int i = 0; i < 3; i++)
        breaker_failed(&breaker, 0, false, 0, MOST);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    return breaker;
}

static void test_failures_in_a_row_open_it(void **state)
{
    (void)state;
    struct breaker breaker = closed();
    breaker_failed(&breaker, 0, false, 0, 0);
    breaker_failed(&breaker, 0, false, 0, 0);
    breaker_answered(&breaker, 0);
    breaker_failed(&breaker, 0, false, 0, 0);
    breaker_failed(&breaker, 0, false, 0, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker_hold_ms(&breaker, 0), 0);
    assert_false(breaker_begin(&breaker, 0));
    breaker_failed(&breaker, 0, false, 0, 0);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker.entered[BREAKER_OPEN], 1);
}

/* Twenty that hang time out in one moment, while others have been answered all the time. */
static void test_what_was_sent_before_an_answer_does_not_count(void **state)
{
    (void)state;
    struct breaker breaker = closed();
    breaker_answered(&breaker, 1000);
    for (int i = 0; i < 20; i++)
        breaker_failed(&breaker, 999, false, 30000, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    for (int i = 0; i < 3; i++)
        breaker_failed(&breaker, 1000, false, 30000, 0);
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void test_it_can_be_off(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, (struct breaker_settings){.first_ms = 1, .last_ms = 1});
    for (int i = 0; i < 1000; i++)
        breaker_failed(&breaker, i, false, i, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void test_nothing_goes_during_the_pause(void **state)
{
    (void)state;
    struct breaker breaker = opened();
    assert_int_equal(breaker_hold_ms(&breaker, 0), 1000);
    assert_int_equal(breaker_hold_ms(&breaker, 999), 1);
    assert_int_equal(breaker_hold_ms(&breaker, 1000), 0);
    /* Requests from before fail one after the other: neither a longer pause nor another one. */
    breaker_failed(&breaker, 500, false, 500, MOST);
    assert_int_equal(breaker_hold_ms(&breaker, 999), 1);
    assert_int_equal(breaker.entered[BREAKER_OPEN], 1);
}

static void test_one_probe_at_a_time(void **state)
{
    (void)state;
    struct breaker breaker = opened();
    assert_true(breaker_begin(&breaker, 1000));
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_int_equal(breaker_hold_ms(&breaker, 1000), 1000);
    assert_int_equal(breaker_hold_ms(&breaker, 999999), 1000);
    breaker_answered(&breaker, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker_hold_ms(&breaker, 1000), 0);
    /* The count begins anew. */
    breaker_failed(&breaker, 1000, false, 1000, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void test_pauses_double_up_to_the_last(void **state)
{
    (void)state;
    static const int64_t expected[] = {2000, 4000, 5000, 5000};
    struct breaker breaker = opened();
    int64_t now_ms = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        now_ms += breaker_hold_ms(&breaker, now_ms);
        assert_true(breaker_begin(&breaker, now_ms));
        breaker_failed(&breaker, now_ms, true, now_ms, MOST);
        assert_int_equal(breaker_hold_ms(&breaker, now_ms), expected[i]);
    }
    /* The next outage begins with the first pause again. */
    breaker_answered(&breaker, 0);
    for (int i = 0; i < 3; i++)
        breaker_failed(&breaker, now_ms, false, now_ms, MOST);
    assert_int_equal(breaker_hold_ms(&breaker, now_ms), 1000);
}

static void test_jitter_takes_up_to_half(void **state)
{
    (void)state;
    struct breaker breaker = closed();
    for (int i = 0; i < 3; i++)
        breaker_failed(&breaker, 0, false, 0, 0);
    assert_int_equal(breaker_hold_ms(&breaker, 0), 500);
    breaker_answered(&breaker, 0);
    for (int i = 0; i < 3; i++)
        breaker_failed(&breaker, 0, false, 0, 1024 + 512);
    assert_in_range(breaker_hold_ms(&breaker, 0), 740, 760);
}

/* What was sent before the breaker opened may still be answered. */
static void test_a_late_answer_closes_it(void **state)
{
    (void)state;
    struct breaker breaker = opened();
    breaker_answered(&breaker, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    breaker = opened();
    assert_true(breaker_begin(&breaker, 1000));
    breaker_failed(&breaker, 1000, false, 1000, MOST);
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    breaker_answered(&breaker, 0);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    /* And the probe, which comes last, is one request like any other. */
    breaker_failed(&breaker, 1000, true, 1000, MOST);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void test_a_cut_probe_is_no_probe(void **state)
{
    (void)state;
    struct breaker breaker = opened();
    assert_true(breaker_begin(&breaker, 1000));
    breaker_abandoned(&breaker, 1200);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_hold_ms(&breaker, 1200), 0);
    assert_true(breaker_begin(&breaker, 1200));
    breaker_answered(&breaker, 0);
    breaker_abandoned(&breaker, 1300);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_in_a_row_open_it),
        cmocka_unit_test(test_what_was_sent_before_an_answer_does_not_count),
        cmocka_unit_test(test_it_can_be_off),
        cmocka_unit_test(test_nothing_goes_during_the_pause),
        cmocka_unit_test(test_one_probe_at_a_time),
        cmocka_unit_test(test_pauses_double_up_to_the_last),
        cmocka_unit_test(test_jitter_takes_up_to_half),
        cmocka_unit_test(test_a_late_answer_closes_it),
        cmocka_unit_test(test_a_cut_probe_is_no_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
