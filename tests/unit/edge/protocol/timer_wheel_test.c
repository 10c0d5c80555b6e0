/* The wheel, driven by an invented clock; at the end against a plain list, at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "edge/protocol/timer_wheel.h"

#define SLOT ((int64_t)TIMER_WHEEL_SLOT_MS)
#define TURN (SLOT * TIMER_WHEEL_SLOTS)

static const int64_t start_ms = 123456789;
static const int64_t year_ms = INT64_C(365) * 86400 * 1000;

static struct timer_wheel wheel;

struct alarm {
    struct wheel_timer timer;
    int64_t again_after_ms; /* restart itself, > 0 */
    struct alarm *stops;    /* another one, stopped from the callback */
    struct alarm *starts;
    int fired;
    bool frees;
};

static int64_t now_ms;
static size_t order;

static void ring(struct wheel_timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    assert_false(wheel_timer_is_running(timer));
    alarm->fired++;
    order++;
    if (alarm->stops)
        timer_wheel_stop(&wheel, &alarm->stops->timer);
    if (alarm->starts)
        timer_wheel_start(&wheel, &alarm->starts->timer, now_ms);
    if (alarm->again_after_ms > 0)
        timer_wheel_start(&wheel, timer, now_ms + alarm->again_after_ms);
    if (alarm->frees)
        free(alarm);
}

static void advance(int64_t to_ms)
{
    now_ms = to_ms;
    timer_wheel_advance(&wheel, now_ms);
}

static int set_up(void **state)
{
    (void)state;
    now_ms = start_ms;
    order = 0;
    timer_wheel_init(&wheel, now_ms);
    return 0;
}

static struct alarm new_alarm(void)
{
    return (struct alarm){0};
}

static void alarm_start(struct alarm *alarm, int64_t delay_ms)
{
    timer_wheel_start(&wheel, &alarm->timer, now_ms + delay_ms);
}

static void never_early_hardly_late(void **state)
{
    (void)state;
    static const int64_t delays[] = {1,        99,   100,      101,      5000, TURN - 2 * SLOT,
                                     TURN - 1, TURN, TURN + 1, 10 * TURN};
    for (size_t i = 0; i < ARRAY_LENGTH(delays); i++) {
        struct alarm alarm = new_alarm();
        wheel_timer_init(&alarm.timer, ring);
        assert_false(wheel_timer_is_running(&alarm.timer));
        int64_t due_ms = now_ms + delays[i];
        alarm_start(&alarm, delays[i]);
        assert_true(wheel_timer_is_running(&alarm.timer));
        advance(due_ms - 1);
        assert_int_equal(alarm.fired, 0);
        advance(due_ms + SLOT);
        assert_int_equal(alarm.fired, 1);
        assert_int_equal(wheel.count, 0);
    }
}

static void a_year(void **state)
{
    (void)state;
    struct alarm alarm = new_alarm();
    wheel_timer_init(&alarm.timer, ring);
    alarm_start(&alarm, year_ms);
    advance(start_ms + year_ms - 1);
    assert_int_equal(alarm.fired, 0);
    advance(start_ms + year_ms + SLOT);
    assert_int_equal(alarm.fired, 1);
}

static void past_and_restart_and_stop(void **state)
{
    (void)state;
    struct alarm alarm = new_alarm();
    wheel_timer_init(&alarm.timer, ring);
    timer_wheel_stop(&wheel, &alarm.timer); /* harmless */
    alarm_start(&alarm, -5000);             /* late already */
    advance(now_ms + SLOT);
    assert_int_equal(alarm.fired, 1);
    alarm_start(&alarm, 1000);
    alarm_start(&alarm, 3000); /* the latest counts */
    advance(now_ms + 2000);
    assert_int_equal(alarm.fired, 1);
    alarm_start(&alarm, 100); /* earlier */
    advance(now_ms + 200);
    assert_int_equal(alarm.fired, 2);
    alarm_start(&alarm, 100);
    timer_wheel_stop(&wheel, &alarm.timer);
    assert_false(wheel_timer_is_running(&alarm.timer));
    assert_int_equal(wheel.count, 0);
    advance(now_ms + 10 * TURN);
    assert_int_equal(alarm.fired, 2);
}

static void stall_longer_than_a_turn(void **state)
{
    (void)state;
    struct alarm soon = new_alarm(), later = new_alarm(), far = new_alarm();
    wheel_timer_init(&soon.timer, ring);
    wheel_timer_init(&later.timer, ring);
    wheel_timer_init(&far.timer, ring);
    alarm_start(&soon, 100);
    alarm_start(&later, 2 * TURN);
    alarm_start(&far, 9 * TURN);
    advance(now_ms + 5 * TURN);
    assert_int_equal(soon.fired, 1);
    assert_int_equal(later.fired, 1);
    assert_int_equal(far.fired, 0);
    timer_wheel_stop(&wheel, &far.timer);
}

static void in_order(void **state)
{
    (void)state;
    struct alarm first = new_alarm(), second = new_alarm();
    wheel_timer_init(&first.timer, ring);
    wheel_timer_init(&second.timer, ring);
    alarm_start(&second, 5000);
    alarm_start(&first, 1000);
    second.stops = &first; /* too late to */
    first.stops = &second; /* and this one comes first */
    advance(now_ms + 6000);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
}

static void callbacks_may_do_anything(void **state)
{
    (void)state;
    struct alarm repeats = new_alarm(), stopper = new_alarm(), victim = new_alarm(),
                 starter = new_alarm(), started = new_alarm();
    struct alarm *freed = xcalloc(1, sizeof(*freed));
    struct alarm *all[] = {&repeats, &stopper, &victim, &starter, &started, freed};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        wheel_timer_init(&all[i]->timer, ring);
    repeats.again_after_ms = 1;
    stopper.stops = &victim;
    starter.starts = &started;
    freed->frees = true;
    alarm_start(&repeats, 1000);
    alarm_start(&stopper, 1000);
    alarm_start(&victim, 1000); /* in the same slot, behind it */
    alarm_start(&starter, 1000);
    alarm_start(freed, 1000);
    advance(now_ms + 2000);
    assert_int_equal(repeats.fired, 1); /* what it starts waits for the next advance */
    assert_int_equal(victim.fired, 0);
    assert_int_equal(started.fired, 0);
    assert_int_equal(order, 4);
    advance(now_ms + SLOT);
    assert_int_equal(repeats.fired, 2);
    assert_int_equal(started.fired, 1);
    timer_wheel_stop(&wheel, &repeats.timer);
    assert_int_equal(wheel.count, 0);
}

static void clock_may_stand_still(void **state)
{
    (void)state;
    struct alarm alarm = new_alarm();
    wheel_timer_init(&alarm.timer, ring);
    alarm_start(&alarm, 1);
    advance(now_ms);
    advance(now_ms - 5000);
    assert_int_equal(alarm.fired, 0);
    advance(start_ms + SLOT);
    assert_int_equal(alarm.fired, 1);
}

/* Against the obvious: who is due and has not fired, or fires without being due, is a fault. */
static void at_random(void **state)
{
    (void)state;
    enum { COUNT = 200, STEPS = 20000 };
    static struct alarm alarms[COUNT];
    int64_t due[COUNT];
    int fired[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        alarms[i] = new_alarm();
        wheel_timer_init(&alarms[i].timer, ring);
        due[i] = INT64_MAX;
    }
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = random_below(COUNT);
        if (random_below(4) == 0) {
            timer_wheel_stop(&wheel, &alarms[i].timer);
            due[i] = INT64_MAX;
        } else {
            due[i] = now_ms + (int64_t)random_below(random_below(2) ? 3000 : 3 * (uint64_t)TURN);
            timer_wheel_start(&wheel, &alarms[i].timer, due[i]);
        }
        bool jump = random_below(1000) == 0;
        advance(jump ? now_ms + 2 * TURN : now_ms + (int64_t)random_below(300));
        for (size_t k = 0; k < COUNT; k++) {
            if (alarms[k].fired != fired[k]) {
                assert_true(due[k] <= now_ms);
                due[k] = INT64_MAX;
                fired[k] = alarms[k].fired;
            }
            assert_true(due[k] > now_ms - 2 * SLOT);
            assert_int_equal(wheel_timer_is_running(&alarms[k].timer), due[k] != INT64_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(never_early_hardly_late, set_up),
        cmocka_unit_test_setup(a_year, set_up),
        cmocka_unit_test_setup(past_and_restart_and_stop, set_up),
        cmocka_unit_test_setup(stall_longer_than_a_turn, set_up),
        cmocka_unit_test_setup(in_order, set_up),
        cmocka_unit_test_setup(callbacks_may_do_anything, set_up),
        cmocka_unit_test_setup(clock_may_stand_still, set_up),
        cmocka_unit_test_setup(at_random, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
