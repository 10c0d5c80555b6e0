#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/process/log.h"
#include "common/process/manager.h"
#include "common/process/notify.h"

/* The socket of the service manager, and a program that it watches. */
static int socket_fd;
static struct loop *loop;
static struct manager manager;
static const char *missing; /* what the program waits for; NULL: it serves */

static void check_ready(void *context, struct readiness *readiness)
{
    assert_ptr_equal(context, &missing);
    if (missing)
        readiness_add(readiness, missing);
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char path[64];
    snprintf(path, sizeof(path), "@slip-manager-test-%d", (int)getpid());
    memcpy(name.sun_path + 1, path + 1, strlen(path) - 1);
    socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(socket_fd, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                     0);
    clearenv();
    setenv("NOTIFY_SOCKET", path, 1);
    loop = loop_new(0, NULL, NULL);
    missing = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    manager_fini(&manager);
    loop_destroy(&loop);
    close(socket_fd);
    return 0;
}

static void start(void)
{
    manager_init(&manager, loop, check_ready, &missing);
    manager_ready(&manager);
}

/* False when nothing has been told. */
static bool take(char text[256])
{
    ssize_t length = recv(socket_fd, text, 255, 0);
    if (length < 0)
        assert_int_equal(errno, EAGAIN);
    text[length < 0 ? 0 : length] = '\0';
    return length >= 0;
}

static void expect(const char *expected)
{
    char text[256];
    while (!take(text))
        loop_turn(loop, -1);
    assert_string_equal(text, expected);
}

static void expect_nothing(void)
{
    char text[256];
    loop_turn(loop, 0);
    assert_false(take(text));
}

static void test_the_status_is_told_when_it_changes(void **state)
{
    (void)state;
    missing = "no router";
    start();
    expect("READY=1\nSTATUS=waiting: no router\n");
    manager_look_again(&manager);
    expect_nothing();
    missing = NULL;
    manager_look_again(&manager);
    expect("STATUS=serving\n");
    missing = "no control"; /* seen without being told to look */
    expect("STATUS=waiting: no control\n");
}

static void test_stopping(void **state)
{
    (void)state;
    start();
    expect("READY=1\nSTATUS=serving\n");
    manager_stopping(&manager, 20000);
    expect("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=25000000\n");
    missing = "draining";
    manager_look_again(&manager);
    expect_nothing();
}

static void test_the_watchdog(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "20000", 1);
    start();
    expect("READY=1\nWATCHDOG=1\nSTATUS=serving\n");
    expect("WATCHDOG=1\n");
    expect("WATCHDOG=1\n");
    manager_stopping(&manager, 0);
    expect("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=5000000\n");
    expect("WATCHDOG=1\n");
}

static void test_how_often_the_watchdog_is_fed(void **state)
{
    (void)state;
    char own[32];
    snprintf(own, sizeof(own), "%d", (int)getpid());
    assert_int_equal(manager_watchdog_ms(NULL, NULL), 0);
    assert_int_equal(manager_watchdog_ms("", NULL), 0);
    assert_int_equal(manager_watchdog_ms("0", NULL), 0);
    assert_int_equal(manager_watchdog_ms("-5", NULL), 0);
    assert_int_equal(manager_watchdog_ms("soon", NULL), 0);
    assert_int_equal(manager_watchdog_ms("1", NULL), 1);
    assert_int_equal(manager_watchdog_ms("30000000", NULL), 15000);
    assert_int_equal(manager_watchdog_ms("30000000", own), 15000);
    assert_int_equal(manager_watchdog_ms("30000000", "1"), 0);
    assert_int_equal(manager_watchdog_ms("30000000", "x"), 0);
    assert_int_equal(manager_watchdog_ms("18446744073709551615", NULL), 0);
}

static void test_nobody_asked(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    start();
    assert_false(loop_timer_is_running(&manager.tick));
    manager_look_again(&manager);
    manager_stopping(&manager, 1000);
    expect_nothing();
    manager_fini(&manager);
    manager_init(&manager, loop, check_ready, &missing);
    manager_look_again(&manager); /* before it has started */
    expect_nothing();
}

/* A manager that has gone away is one line in the log, and the program goes on. */
static void test_a_manager_that_does_not_listen(void **state)
{
    (void)state;
    char text[1024] = "";
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    log_init("test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fds[1]);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    start();
    manager_stopping(&manager, 1000);
    log_init("test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, STDERR_FILENO);
    close(fds[1]);
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    const char *line = strstr(text, "NOTIFY_SOCKET cannot be told");
    assert_non_null(line);
    assert_null(strstr(line + 1, "NOTIFY_SOCKET cannot be told"));
}

/* The queue of a socket holds some ten datagrams (net.unix.max_dgram_qlen). */
static void test_what_did_not_fit_is_told_again(void **state)
{
    (void)state;
    size_t noise = 0;
    char text[256];
    while (notify_send("noise") == 0)
        noise++;
    start();
    manager_look_again(&manager);
    loop_turn(loop, -1);
    for (; noise > 0; noise--)
        assert_true(take(text));
    assert_false(take(text));
    expect("READY=1\nSTATUS=serving\n");
    while (notify_send("noise") == 0)
        noise++;
    manager_stopping(&manager, 0);
    for (; noise > 0; noise--)
        assert_true(take(text));
    expect("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=5000000\n");
}

#define MANAGER_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(test_the_status_is_told_when_it_changes),
        MANAGER_TEST(test_stopping),
        MANAGER_TEST(test_the_watchdog),
        MANAGER_TEST(test_how_often_the_watchdog_is_fed),
        MANAGER_TEST(test_nobody_asked),
        MANAGER_TEST(test_a_manager_that_does_not_listen),
        MANAGER_TEST(test_what_did_not_fit_is_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
