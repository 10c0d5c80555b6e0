#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/process/notify.h"

/* A manager's socket; `path` begins with '@' for the abstract namespace. */
static int listen_at(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    size_t length = strlen(path);
    memcpy(name.sun_path, path, length);
    if (path[0] == '@')
        name.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    return fd;
}

static void expect_datagram(int fd, const char *expected)
{
    char text[64];
    ssize_t length = recv(fd, text, sizeof(text) - 1, 0);
    assert_int_equal(length, strlen(expected));
    text[length] = '\0';
    assert_string_equal(text, expected);
}

static void test_both_kinds_of_socket(void **state)
{
    (void)state;
    char path[100], abstract[100];
    snprintf(path, sizeof(path), "/tmp/slip-notify-test-%d", (int)getpid());
    snprintf(abstract, sizeof(abstract), "@slip-notify-test-%d", (int)getpid());
    const char *const paths[] = {path, abstract};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        int fd = listen_at(paths[i]);
        setenv("NOTIFY_SOCKET", paths[i], 1);
        assert_int_equal(notify_send("READY=1"), 0);
        assert_int_equal(notify_send("STOPPING=1"), 0);
        expect_datagram(fd, "READY=1");
        expect_datagram(fd, "STOPPING=1");
        close(fd);
    }
    assert_int_equal(notify_send("READY=1"), -ECONNREFUSED); /* nobody is there any more */
    unlink(path);
}

static void test_nobody_asked(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1"), 0);
}

static void test_no_socket(void **state)
{
    (void)state;
    char path[200] = "/";
    memset(path + 1, 'a', sizeof(path) - 2);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "/", 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    assert_int_equal(notify_send("READY=1"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_of_socket),
        cmocka_unit_test(test_nobody_asked),
        cmocka_unit_test(test_no_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
