#include "router/retry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct retry_limits limits = {.attempts = 3, .first_ms = 200, .last_ms = 1000};

static struct retry_decision decide(struct retry_facts facts)
{
    return retry_decide(&facts, &limits, 1023);
}

#define ACTION(...) decide((struct retry_facts){__VA_ARGS__}).action

static void events_by_outcome(void **state)
{
    (void)state;
    assert_int_equal(ACTION(.outcome = JOB_DELIVERED), RETRY_FINISH);
    assert_int_equal(ACTION(.outcome = JOB_ABORTED, .attempts = 99), RETRY_AT_ONCE);
    for (enum job_outcome outcome = JOB_NOT_SENT; outcome <= JOB_BROKEN; outcome++)
        assert_int_equal(ACTION(.outcome = outcome), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_INVALID_ANSWER), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 500), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 599), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 429), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 503), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 499), RETRY_DEAD_LETTER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 400), RETRY_DEAD_LETTER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 302), RETRY_DEAD_LETTER);
}

static void the_last_attempt(void **state)
{
    (void)state;
    assert_int_equal(ACTION(.outcome = JOB_BROKEN, .attempts = 1), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_BROKEN, .attempts = 2), RETRY_DEAD_LETTER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 503, .attempts = 2),
                     RETRY_DEAD_LETTER);
}

static void pauses_grow_and_are_capped(void **state)
{
    (void)state;
    const struct retry_limits many = {.attempts = 1000, .first_ms = 200, .last_ms = 1000};
    const int64_t full[] = {200, 400, 800, 1000, 1000};
    for (uint64_t attempts = 0; attempts < ARRAY_LENGTH(full); attempts++) {
        struct retry_facts facts = {.outcome = JOB_BROKEN, .attempts = attempts};
        int64_t least = retry_decide(&facts, &many, 0).delay_ms;
        int64_t most = retry_decide(&facts, &many, 1023).delay_ms;
        assert_int_equal(least, full[attempts] / 2);
        assert_true(most > least && most <= full[attempts] && most > full[attempts] - 2);
    }
    struct retry_facts late = {.outcome = JOB_BROKEN, .attempts = 900};
    assert_int_equal(retry_decide(&late, &many, 0).delay_ms, 500);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    struct retry_facts facts = {.outcome = JOB_STATUS, .status = 429, .retry_after_ms = 700};
    assert_int_equal(retry_decide(&facts, &limits, 500).delay_ms, 700);
    facts.retry_after_ms = UINT64_MAX;
    assert_int_equal(retry_decide(&facts, &limits, 500).delay_ms, 1000);
}

static void groups_are_split(void **state)
{
    (void)state;
    const enum job_outcome bad[] = {JOB_TIMED_OUT, JOB_BROKEN, JOB_INVALID_ANSWER};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(ACTION(.outcome = bad[i], .group_count = 2, .attempts = 99), RETRY_SPLIT);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 400, .group_count = 2), RETRY_SPLIT);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 500, .group_count = 2), RETRY_SPLIT);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 500, .group_count = 1), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_STATUS, .status = 503, .group_count = 2), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_NOT_SENT, .group_count = 2), RETRY_LATER);
    assert_int_equal(ACTION(.outcome = JOB_INVALID_ANSWER, .group_count = 2, .is_open = true,
                            .is_waited_for = true),
                     RETRY_SPLIT);
}

/* The target is down, and nothing was tried: that is no step towards dead_letters. */
static void held_jobs_count_no_attempt(void **state)
{
    (void)state;
    struct retry_facts facts = {.outcome = JOB_HELD, .attempts = 99, .retry_after_ms = 400};
    assert_int_equal(decide(facts).action, RETRY_HELD);
    assert_int_equal(retry_decide(&facts, &limits, 0).delay_ms, 400 + 500);
    assert_in_range(retry_decide(&facts, &limits, 1023).delay_ms, 400 + 990, 400 + 1000);
    facts.attempts = 0; /* comes back sooner, and is the next probe */
    assert_int_equal(retry_decide(&facts, &limits, 0).delay_ms, 400 + 100);
    facts.group_count = 2;
    assert_int_equal(decide(facts).action, RETRY_HELD);
    facts.is_open = true;
    assert_int_equal(decide(facts).action, RETRY_HELD);
    facts.retry_after_ms = UINT64_MAX;
    assert_int_equal(retry_decide(&facts, &limits, 0).delay_ms, limits.last_ms + 100);
    assert_false(retry_may_be_accepted(JOB_HELD));
}

/* An OPEN whose client waits. */
#define OPEN_FACTS .is_open = true, .is_waited_for = true

static void opens(void **state)
{
    (void)state;
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_NOT_SENT, .remaining_ms = 5000),
                     RETRY_LATER);
    assert_int_equal(
        ACTION(OPEN_FACTS, .outcome = JOB_NOT_SENT, .remaining_ms = 5000, .attempts = 1),
        RETRY_REFUSE);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_NOT_SENT, .remaining_ms = 1100),
                     RETRY_REFUSE);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_HELD, .remaining_ms = 5000), RETRY_LATER);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_HELD, .remaining_ms = 5000, .attempts = 1),
                     RETRY_REFUSE);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_STATUS, .status = 503, .retry_after_ms = 900,
                            .remaining_ms = 2000),
                     RETRY_LATER);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_STATUS, .status = 503,
                            .retry_after_ms = 1000, .remaining_ms = 2000),
                     RETRY_REFUSE);
    struct retry_decision failed = decide((struct retry_facts){
        OPEN_FACTS, .outcome = JOB_STATUS, .status = 404, .remaining_ms = 9000});
    assert_int_equal(failed.action, RETRY_REFUSE);
    assert_int_equal(failed.status, 502);
    struct retry_decision slow =
        decide((struct retry_facts){OPEN_FACTS, .outcome = JOB_TIMED_OUT, .remaining_ms = 9000});
    assert_int_equal(slow.action, RETRY_UNKNOWN);
    assert_int_equal(slow.status, 504);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_BROKEN), RETRY_UNKNOWN);
    assert_int_equal(ACTION(OPEN_FACTS, .outcome = JOB_INVALID_ANSWER), RETRY_UNKNOWN);
}

/* What an earlier attempt may have done is not undone by a later refusal to connect. */
static void doubt_stays(void **state)
{
    (void)state;
    assert_int_equal(
        ACTION(OPEN_FACTS, .outcome = JOB_NOT_SENT, .attempts = 1, .may_be_accepted = true),
        RETRY_UNKNOWN);
    assert_true(retry_may_be_accepted(JOB_ABORTED));
    assert_true(retry_may_be_accepted(JOB_TIMED_OUT));
    assert_false(retry_may_be_accepted(JOB_NOT_SENT));
    assert_false(retry_may_be_accepted(JOB_STATUS));
}

static void opens_that_nobody_waits_for(void **state)
{
    (void)state;
    assert_int_equal(ACTION(.is_open = true, .outcome = JOB_BROKEN), RETRY_LATER);
    assert_int_equal(ACTION(.is_open = true, .outcome = JOB_BROKEN, .attempts = 2), RETRY_UNKNOWN);
    assert_int_equal(ACTION(.is_open = true, .outcome = JOB_STATUS, .status = 400), RETRY_UNKNOWN);
}

/* A newer worker may know more of them. */
static void unknown_outcomes(void **state)
{
    (void)state;
    assert_int_equal(retry_outcome(JOB_HELD), JOB_HELD);
    assert_int_equal(retry_outcome(JOB_HELD + 1), JOB_BROKEN);
    assert_int_equal(retry_outcome(UINT64_MAX), JOB_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_by_outcome),
        cmocka_unit_test(the_last_attempt),
        cmocka_unit_test(pauses_grow_and_are_capped),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(groups_are_split),
        cmocka_unit_test(held_jobs_count_no_attempt),
        cmocka_unit_test(opens),
        cmocka_unit_test(doubt_stays),
        cmocka_unit_test(opens_that_nobody_waits_for),
        cmocka_unit_test(unknown_outcomes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
