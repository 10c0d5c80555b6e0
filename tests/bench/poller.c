#include "tests/bench/poller.h"

#include <errno.h>
#include <time.h>

#include "tests/bench/fail.h"

enum { EVENTS_AT_ONCE = 512 };

static int epoll_fd = -1;

void poller_open(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail_errno("epoll_create1");
}

static void control(int operation, struct poller_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    source->events = events;
    if (epoll_ctl(epoll_fd, operation, source->fd, &event) < 0)
        fail_errno("epoll_ctl");
}

void poller_add(struct poller_source *source, uint32_t events)
{
    control(EPOLL_CTL_ADD, source, events);
}

void poller_modify(struct poller_source *source, uint32_t events)
{
    if (source->events != events)
        control(EPOLL_CTL_MOD, source, events);
}

void poller_remove(struct poller_source *source)
{
    control(EPOLL_CTL_DEL, source, 0);
}

void poller_turn(int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
    if (count < 0 && errno != EINTR)
        fail_errno("epoll_wait");
    for (int i = 0; i < count; i++) {
        struct poller_source *source = events[i].data.ptr;
        source->on_event(source, events[i].events);
    }
}

uint64_t poller_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
