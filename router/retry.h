/* What follows an attempt: the one table of outcome → decision. Pure.
 *
 *     outcome                 one connection                 several in the request
 *     DELIVERED               finish                         finish
 *     NOT_SENT, 429, 503      again, after a pause           again, after a pause (each)
 *     TIMED_OUT, BROKEN,      again, after a pause           split, no attempt counted
 *       INVALID_ANSWER, 5xx
 *     3xx, other 4xx          dead letter                    split, no attempt counted
 *     HELD                    again, no attempt counted      the same (each)
 *     ABORTED                 at once, no attempt counted    the same
 *
 * After the last attempt: dead letter. An OPEN never becomes one: it is tried a second time when
 * the first did not reach the backend (HELD, too, or told to come back) and the client still waits;
 * then it is refused, or, when the backend may have said yes, its end is unknown and a CLOSE is
 * owed. An OPEN that nobody waits for (it was accepted, and the end of that attempt was lost) is
 * repeated like any batch, and its end is unknown at last.
 */
#ifndef SLIP_ROUTER_RETRY_H
#define SLIP_ROUTER_RETRY_H

#include "common/base/base.h"
#include "common/wire/outcome.h"

/* An OPEN needs this long for an attempt: the worker's time-out is a second less. */
enum { RETRY_OPEN_RESERVE_MS = 1000 };

enum retry_action {
    RETRY_FINISH,      /* it is delivered */
    RETRY_LATER,       /* after delay_ms; the attempt counts */
    RETRY_HELD,        /* after delay_ms; there was no attempt */
    RETRY_AT_ONCE,     /* in front of the queue; the attempt does not count */
    RETRY_SPLIT,       /* in front of the queue, in smaller groups; the attempt does not count */
    RETRY_DEAD_LETTER, /* given up */
    RETRY_REFUSE,      /* OPEN: certainly not accepted; the client is told `status` */
    RETRY_UNKNOWN,     /* OPEN: perhaps accepted; the client is told `status`, CLOSE is owed */
};

/* What happened, and to what. */
struct retry_facts {
    enum job_outcome outcome;
    uint64_t status; /* JOB_STATUS */
    uint64_t retry_after_ms;
    uint64_t attempts; /* counted before, without this one */
    bool is_open;
    bool is_waited_for;    /* OPEN: its client waits for the end */
    bool may_be_accepted;  /* OPEN: by an earlier attempt */
    uint64_t remaining_ms; /* OPEN */
    size_t group_count;    /* connections in the request */
};

struct retry_limits {
    uint64_t attempts;
    int64_t first_ms, last_ms; /* pauses */
};

struct retry_decision {
    enum retry_action action;
    int64_t delay_ms; /* RETRY_LATER, RETRY_HELD */
    uint64_t status;  /* RETRY_REFUSE, RETRY_UNKNOWN: 502 or 504 */
};

/* `jitter`: 0 … 1023, drawn by the caller; the pause without Retry-After is between half and all of
 * what the doubling gives. */
MUST_USE
struct retry_decision retry_decide(const struct retry_facts *facts,
                                   const struct retry_limits *limits, uint64_t jitter);

/* The outcome that a worker says; one that we do not know is a failure like any other. */
enum job_outcome retry_outcome(uint64_t said);

/* OPEN: may the backend have accepted, when an attempt ends so? */
bool retry_may_be_accepted(enum job_outcome outcome);

#endif
