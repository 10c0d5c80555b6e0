#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/busy_poll.h"

static int epoll_fd, event_fd;
static struct epoll_event events[4];

static int open_descriptors(void **state)
{
    struct epoll_event wanted = {.events = EPOLLIN};
    (void)state;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &wanted);
}

static int close_descriptors(void **state)
{
    (void)state;
    close(event_fd);
    close(epoll_fd);
    return 0;
}

static void test_sleeps_until_a_wait_was_short(void **state)
{
    struct busy_poll poll = {.limit_us = 100};
    (void)state;
    assert_false(busy_poll_begins(&poll));
    busy_poll_learn(&poll, 101);
    assert_false(busy_poll_begins(&poll));
    busy_poll_learn(&poll, 100);
    assert_true(busy_poll_begins(&poll));
    busy_poll_learn(&poll, 5000);
    assert_false(busy_poll_begins(&poll));
}

static void test_rests_when_the_processor_is_wanted(void **state)
{
    struct busy_poll poll = {.limit_us = 100, .is_worth = true};
    (void)state;
    busy_poll_yielded(&poll);
    for (int i = 0; i < BUSY_POLL_RESTS; i++) {
        assert_false(busy_poll_begins(&poll));
        busy_poll_learn(&poll, 10);
    }
    assert_true(busy_poll_begins(&poll));
}

/* Awake or not, and switched off: what is ready is told, at once and once. */
static void test_tells_what_is_ready(void **state)
{
    static const struct busy_poll kinds[] = {
        {.limit_us = 0}, {.limit_us = 1000}, {.limit_us = 1000, .is_worth = true}};
    (void)state;
    assert_int_equal(eventfd_write(event_fd, 1), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct busy_poll poll = kinds[i];
        assert_int_equal(busy_poll_wait(&poll, epoll_fd, events, 4, -1), 1);
        assert_int_equal(busy_poll_wait(&poll, epoll_fd, events, 4, 0), 1);
        assert_int_equal(events[0].events, EPOLLIN);
    }
}

/* Awake for the limit, then asleep: the whole wait is as long as it was asked to be. */
static void test_waits_as_long_as_asked(void **state)
{
    struct busy_poll poll = {.limit_us = 1000, .is_worth = true};
    (void)state;
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(busy_poll_wait(&poll, epoll_fd, events, 4, 20), 0);
    assert_true(clock_monotonic_us() - began_us >= 20000);
    assert_false(poll.is_worth);
}

/* Waiting awake must not turn into a wait without an end, nor hide that epoll_wait() failed. */
static void test_tells_a_failure(void **state)
{
    struct busy_poll poll = {.limit_us = 1000, .is_worth = true};
    (void)state;
    assert_int_equal(busy_poll_wait(&poll, -1, events, 4, -1), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleeps_until_a_wait_was_short),
        cmocka_unit_test(test_rests_when_the_processor_is_wanted),
        cmocka_unit_test_setup_teardown(test_tells_what_is_ready, open_descriptors,
                                        close_descriptors),
        cmocka_unit_test_setup_teardown(test_waits_as_long_as_asked, open_descriptors,
                                        close_descriptors),
        cmocka_unit_test(test_tells_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
