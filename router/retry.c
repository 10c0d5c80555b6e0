#include "router/retry.h"

enum { STATUS_TOO_MANY = 429, STATUS_SERVER_ERROR = 500, STATUS_UNAVAILABLE = 503 };

/* The backend has not looked at the request: whose turn it was does not matter. */
static bool is_not_now(const struct retry_facts *facts)
{
    return facts->outcome == JOB_NOT_SENT || facts->outcome == JOB_HELD ||
           (facts->outcome == JOB_STATUS &&
            (facts->status == STATUS_TOO_MANY || facts->status == STATUS_UNAVAILABLE));
}

static bool is_final(const struct retry_facts *facts)
{
    return facts->outcome == JOB_STATUS && !is_not_now(facts) &&
           facts->status < STATUS_SERVER_ERROR;
}

static int64_t pause_ms(const struct retry_facts *facts, const struct retry_limits *limits,
                        uint64_t jitter)
{
    int64_t pause = limits->first_ms;

    if (facts->retry_after_ms > 0)
        return facts->retry_after_ms < (uint64_t)limits->last_ms ? (int64_t)facts->retry_after_ms
                                                                 : limits->last_ms;
    for (uint64_t i = 0; i < facts->attempts && pause < limits->last_ms; i++)
        pause *= 2;
    if (pause > limits->last_ms)
        pause = limits->last_ms;
    return pause / 2 + pause * (int64_t)(jitter % 1024) / 2048;
}

/* When the worker said, and then the pause that its attempts have earned it: the probe is whatever
 * comes back first, and must not be the same batch again and again until that is given up. */
static int64_t held_ms(const struct retry_facts *facts, const struct retry_limits *limits,
                       uint64_t jitter)
{
    const struct retry_facts unheld = {.attempts = facts->attempts};
    return pause_ms(facts, limits, jitter) + pause_ms(&unheld, limits, jitter);
}

enum job_outcome retry_outcome(uint64_t said)
{
    return said <= JOB_HELD ? (enum job_outcome)said : JOB_BROKEN;
}

bool retry_may_be_accepted(enum job_outcome outcome)
{
    switch (outcome) {
    case JOB_NOT_SENT:
    case JOB_STATUS:
    case JOB_HELD:
        return false;
    case JOB_DELIVERED:
    case JOB_TIMED_OUT:
    case JOB_BROKEN:
    case JOB_INVALID_ANSWER:
    case JOB_ABORTED:
        return true;
    }
    return true;
}

static struct retry_decision decide_open(const struct retry_facts *facts,
                                         const struct retry_limits *limits, uint64_t jitter)
{
    int64_t pause = pause_ms(facts, limits, jitter);
    bool has_time = facts->remaining_ms > (uint64_t)pause + RETRY_OPEN_RESERVE_MS;
    bool may_be_accepted = facts->may_be_accepted || retry_may_be_accepted(facts->outcome);

    if (is_not_now(facts) && facts->attempts == 0 && has_time)
        return (struct retry_decision){.action = RETRY_LATER, .delay_ms = pause};
    return (struct retry_decision){
        .action = may_be_accepted ? RETRY_UNKNOWN : RETRY_REFUSE,
        .status = facts->outcome == JOB_TIMED_OUT ? 504 : 502,
    };
}

struct retry_decision retry_decide(const struct retry_facts *facts,
                                   const struct retry_limits *limits, uint64_t jitter)
{
    if (facts->outcome == JOB_DELIVERED)
        return (struct retry_decision){.action = RETRY_FINISH};
    if (facts->outcome == JOB_ABORTED)
        return (struct retry_decision){.action = RETRY_AT_ONCE};
    if (facts->group_count > 1 && !is_not_now(facts))
        return (struct retry_decision){.action = RETRY_SPLIT};
    if (facts->is_open && facts->is_waited_for)
        return decide_open(facts, limits, jitter);
    if (facts->outcome == JOB_HELD)
        return (struct retry_decision){.action = RETRY_HELD,
                                       .delay_ms = held_ms(facts, limits, jitter)};
    if (is_final(facts) || facts->attempts + 1 >= limits->attempts)
        return (struct retry_decision){.action = facts->is_open ? RETRY_UNKNOWN : RETRY_DEAD_LETTER,
                                       .status = 502};
    return (struct retry_decision){.action = RETRY_LATER,
                                   .delay_ms = pause_ms(facts, limits, jitter)};
}
