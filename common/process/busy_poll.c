#include "common/process/busy_poll.h"

#include <sched.h>

#include "common/base/clock.h"

bool busy_poll_begins(struct busy_poll *poll)
{
    if (poll->rests > 0) {
        poll->rests--;
        return false;
    }
    return poll->is_worth;
}

void busy_poll_yielded(struct busy_poll *poll)
{
    poll->rests = BUSY_POLL_RESTS;
}

void busy_poll_learn(struct busy_poll *poll, int64_t took_us)
{
    poll->is_worth = took_us <= poll->limit_us;
}

/* What epoll_wait() said, or 0 when it is time to sleep. */
static int look(struct busy_poll *poll, int epoll_fd, struct epoll_event *events, int count,
                int64_t began_us)
{
    int64_t before_us = began_us;
    while (before_us - began_us < poll->limit_us) {
        int ready = epoll_wait(epoll_fd, events, count, 0);
        if (ready != 0)
            return ready;
        sched_yield();
        int64_t now_us = clock_monotonic_us();
        if (now_us - before_us > BUSY_POLL_TAKEN_US) {
            busy_poll_yielded(poll);
            return 0;
        }
        before_us = now_us;
    }
    return 0;
}

int busy_poll_wait(struct busy_poll *poll, int epoll_fd, struct epoll_event *events, int count,
                   int wait_ms)
{
    if (poll->limit_us == 0 || wait_ms == 0)
        return epoll_wait(epoll_fd, events, count, wait_ms);
    int64_t began_us = clock_monotonic_us();
    int ready = busy_poll_begins(poll) ? look(poll, epoll_fd, events, count, began_us) : 0;
    if (ready == 0)
        ready = epoll_wait(epoll_fd, events, count, wait_ms);
    busy_poll_learn(poll, clock_monotonic_us() - began_us);
    return ready;
}
