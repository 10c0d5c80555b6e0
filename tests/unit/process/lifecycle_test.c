#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"

/* A running lifecycle_program, its two outputs in one pipe. */
static const char *program_path;
static pid_t child;
static int output_fd;
static struct buffer output;

static void start(const char *argument, const char *behaviour)
{
    int fds[2];
    buffer_clear(&output);
    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("BEHAVIOUR", behaviour, 1);
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        execl(program_path, program_path, argument, NULL);
        _exit(99);
    }
    close(fds[1]);
    output_fd = fds[0];
}

/* false at the end of the output. */
static bool read_more(void)
{
    ssize_t got = read(output_fd, buffer_reserve(&output, 4096), 4096);
    if (got > 0)
        buffer_commit(&output, (size_t)got);
    return got > 0;
}

static bool has_said(const char *text)
{
    return output.length && memmem(output.data, output.length, text, strlen(text));
}

static void wait_for(const char *text)
{
    while (!has_said(text))
        if (!read_more())
            fail_msg("no \"%s\" in: %.*s", text, SPAN_ARGS(buffer_span(&output)));
}

/* Reads to the end; the exit code. */
static int finish(void)
{
    int status;
    while (read_more())
        ;
    close(output_fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static size_t lines(void)
{
    size_t count = 0;
    for (size_t i = 0; i < output.length; i++)
        count += output.data[i] == '\n';
    return count;
}

static int set_up(void **state)
{
    (void)state;
    clearenv();
    return 0;
}

static void test_arguments(void **state)
{
    (void)state;
    start("--version", "");
    assert_int_equal(finish(), 0);
    assert_true(has_said("slip-edge " SLIP_VERSION "\n"));
    start("--help", "");
    assert_int_equal(finish(), 0);
    assert_true(has_said("--print-config"));
    assert_true(has_said("  PEER_TIMEOUT=5s\n"));
    assert_false(has_said("JWT_SECRET"));
    start("--print-config", "");
    assert_int_equal(finish(), 0);
    assert_true(has_said("MAX_CONNECTIONS=100000\n"));
    assert_false(has_said("level="));
    start("--nonsense", "");
    assert_int_equal(finish(), 2);
    assert_true(has_said("unknown argument \"--nonsense\""));
    assert_int_equal(lines(), 1);
    start("", "");
    assert_int_equal(finish(), 2);
}

static void test_wrong_setting(void **state)
{
    (void)state;
    setenv("PEER_TIMEOUT", "soon", 1);
    static const char *const arguments[] = {NULL, "--print-config"};
    for (size_t i = 0; i < ARRAY_LENGTH(arguments); i++) {
        start(arguments[i], "");
        assert_int_equal(finish(), 2);
        assert_true(has_said("slip-edge: PEER_TIMEOUT=soon is malformed: must be a time"));
        assert_int_equal(lines(), 1);
    }
}

static void test_signal_without_drain(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        start(NULL, "");
        wait_for("msg=ready");
        kill(child, signals[i]);
        assert_int_equal(finish(), 0);
        assert_true(has_said("msg=created stack=slip-sockets"));
        assert_true(has_said("msg=destroyed"));
    }
}

static void test_drain(void **state)
{
    (void)state;
    start(NULL, "drains");
    wait_for("msg=ready");
    kill(child, SIGTERM);
    assert_int_equal(finish(), 0);
    assert_true(has_said("actor drains"));
    assert_true(has_said("msg=destroyed"));
}

static void test_second_signal(void **state)
{
    (void)state;
    start(NULL, "drains-never");
    wait_for("msg=ready");
    kill(child, SIGTERM);
    wait_for("actor drains");
    kill(child, SIGTERM);
    assert_int_equal(finish(), 0);
    assert_true(has_said("second signal"));
    assert_true(has_said("msg=destroyed"));
}

static void test_drain_limit(void **state)
{
    (void)state;
    setenv("DRAIN_SECONDS", "100ms", 1);
    start(NULL, "drains-never");
    wait_for("msg=ready");
    kill(child, SIGTERM);
    assert_int_equal(finish(), 1);
    assert_true(has_said("draining took too long"));
    assert_true(has_said("msg=destroyed"));
}

static void test_the_actors_own_end(void **state)
{
    (void)state;
    start(NULL, "create-fails");
    assert_int_equal(finish(), 1);
    assert_true(has_said("cannot be created"));
    assert_false(has_said("destroyed"));
    start(NULL, "fails");
    assert_int_equal(finish(), 1);
    assert_true(has_said("msg=destroyed"));
    start(NULL, "expired");
    assert_int_equal(finish(), 3);
    start(NULL, "stops-itself");
    assert_int_equal(finish(), 0);
}

static void test_admin_address_taken(void **state)
{
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(name.sin_port));
    setenv("ADMIN_LISTEN", text, 1);
    start(NULL, "");
    assert_int_equal(finish(), 1);
    assert_true(has_said("ADMIN_LISTEN cannot be listened on"));
    assert_true(has_said("Address already in use"));
    assert_true(has_said("msg=destroyed"));
    close(fd);
}

/* The admin pages answer on the port that the log names, also while the actor is not ready. */
static void test_admin_pages(void **state)
{
    (void)state;
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    char page[2048];
    size_t length = 0;
    int port = 0;
    start(NULL, "");
    wait_for("msg=ready");
    buffer_append_byte(&output, '\0');
    const char *place = strstr(output.data, "address=127.0.0.1:");
    assert_non_null(place);
    assert_int_equal(sscanf(place, "address=127.0.0.1:%d", &port), 1);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    for (ssize_t got; (got = read(fd, page + length, sizeof(page) - 1 - length)) > 0;)
        length += (size_t)got;
    page[length] = '\0';
    close(fd);
    assert_non_null(strstr(page, "HTTP/1.1 503"));
    assert_non_null(strstr(page, "\"reasons\":[\"never is\"]"));
    kill(child, SIGTERM);
    assert_int_equal(finish(), 0);
}

/* The exit code of a second program with the same settings, and in `output` what it says. */
static int ask(const char *argument)
{
    const pid_t first = child;
    const int first_output = output_fd;
    start(argument, "");
    int code = finish();
    child = first;
    output_fd = first_output;
    return code;
}

/* What health checks in containers call. */
static void test_the_running_one_is_asked(void **state)
{
    (void)state;
    char address[64];
    int port = 0;
    assert_int_equal(ask("--readyz"), 1);
    assert_true(has_said("ADMIN_LISTEN has port 0"));
    start(NULL, "");
    wait_for("msg=ready");
    buffer_append_byte(&output, '\0');
    assert_int_equal(sscanf(strstr(output.data, "address="), "address=127.0.0.1:%d", &port), 1);
    snprintf(address, sizeof(address), "0.0.0.0:%d", port);
    setenv("ADMIN_LISTEN", address, 1);
    assert_int_equal(ask("--healthz"), 0);
    assert_true(has_said("ok\n"));
    assert_int_equal(ask("--readyz"), 1);
    assert_true(has_said("{\"ready\":false,\"reasons\":[\"never is\"]}"));
    assert_int_equal(lines(), 1);
    kill(child, SIGTERM);
    buffer_clear(&output);
    assert_int_equal(finish(), 0);
    assert_int_equal(ask("--healthz"), 1);
    assert_true(has_said("slip-edge: no answer at ADMIN_LISTEN: Connection refused"));
    assert_int_equal(lines(), 1);
}

static void expect_told(int fd, const char *expected)
{
    char said[128];
    ssize_t length = recv(fd, said, sizeof(said) - 1, 0);
    assert_true(length > 0);
    said[length] = '\0';
    assert_string_equal(said, expected);
}

/* It is told that the program has started, though it does not serve. */
static void test_the_manager_is_told(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char path[64];
    snprintf(path, sizeof(path), "@slip-lifecycle-test-%d", (int)getpid());
    memcpy(name.sun_path + 1, path + 1, strlen(path) - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                     0);
    setenv("NOTIFY_SOCKET", path, 1);
    start(NULL, "drains");
    expect_told(fd, "READY=1\nSTATUS=waiting: never is\n");
    kill(child, SIGTERM);
    expect_told(fd, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=15000000\n");
    assert_int_equal(finish(), 0);
    close(fd);
}

static void freeze(int64_t duration_ms)
{
    int status;
    kill(child, SIGSTOP);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    int64_t end_ms = clock_boottime_ms() + duration_ms;
    while (clock_boottime_ms() < end_ms)
        poll(NULL, 0, 5);
    kill(child, SIGCONT);
}

/* Longer than half of PEER_TIMEOUT: the process ends without another word. */
static void test_frozen(void **state)
{
    (void)state;
    setenv("PEER_TIMEOUT", "2s", 1);
    setenv("HEARTBEAT_INTERVAL", "100ms", 1);
    start(NULL, "drains");
    wait_for("msg=ready");
    freeze(1300);
    assert_int_equal(finish(), 3);
    assert_true(has_said("was frozen"));
    assert_false(has_said("destroyed"));
    start(NULL, "survives-frost");
    wait_for("msg=ready");
    freeze(1300);
    wait_for("actor was frozen");
    kill(child, SIGTERM);
    assert_int_equal(finish(), 0);
    assert_true(has_said("destroyed"));
}

#define LIFECYCLE_TEST(function) cmocka_unit_test_setup(function, set_up)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        LIFECYCLE_TEST(test_arguments),
        LIFECYCLE_TEST(test_wrong_setting),
        LIFECYCLE_TEST(test_signal_without_drain),
        LIFECYCLE_TEST(test_drain),
        LIFECYCLE_TEST(test_second_signal),
        LIFECYCLE_TEST(test_drain_limit),
        LIFECYCLE_TEST(test_the_actors_own_end),
        LIFECYCLE_TEST(test_admin_address_taken),
        LIFECYCLE_TEST(test_admin_pages),
        LIFECYCLE_TEST(test_the_running_one_is_asked),
        LIFECYCLE_TEST(test_the_manager_is_told),
        LIFECYCLE_TEST(test_frozen),
    };
    assert_int_equal(argc, 2);
    program_path = argv[1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_fini(&output);
    return failed;
}
