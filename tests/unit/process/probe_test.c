/* Servers that are none: what a probe makes of silence and of nonsense. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process/listener.h"
#include "common/process/probe.h"

static char localhost[] = "127.0.0.1";

/* Asks a child that answers `text` to whoever connects, and hangs up, or stays and says no more. */
static int probe(const char *text, bool stays, unsigned int *ret_status, char **ret_body)
{
    struct address address = {.host = localhost};
    size_t size;
    int fd;
    assert_int_equal(listener_open(&address, false, &fd), 0);
    address.port = listener_port(fd);
    pid_t child = fork();
    if (child == 0) {
        char request[1024];
        int client;
        while ((client = accept(fd, NULL, NULL)) < 0)
            ;
        if (read(client, request, sizeof(request)) < 0 ||
            write(client, text, strlen(text)) != (ssize_t)strlen(text))
            _exit(1);
        if (stays)
            pause();
        _exit(0);
    }
    close(fd);
    FILE *stream = open_memstream(ret_body, &size);
    int rc = probe_page(&address, "/healthz", stream, ret_status);
    fclose(stream);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return rc;
}

static void check(const char *text, bool stays, int wanted)
{
    unsigned int status = 7;
    char *body = NULL;
    assert_int_equal(probe(text, stays, &status, &body), wanted);
    assert_int_equal(status, 7); /* untouched on failure */
    assert_string_equal(body, "");
    free(body);
}

static void test_answers(void **state)
{
    (void)state;
    unsigned int status = 0;
    char *body = NULL;
    assert_int_equal(probe("HTTP/1.1 200 OK\r\nA: b\r\n\r\nwell\n", false, &status, &body), 0);
    assert_int_equal(status, 200);
    assert_string_equal(body, "well\n");
    free(body);
    assert_int_equal(probe("HTTP/1.1 503 No\r\n\r\n", false, &status, &body), 0);
    assert_int_equal(status, 503);
    assert_string_equal(body, "");
    free(body);
}

static void test_no_http(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "HTTP/1.1 2",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        check(texts[i], false, -EPROTO);
}

static void test_nobody_answers(void **state)
{
    (void)state;
    struct address address = {.host = localhost, .port = 1};
    unsigned int status;
    check("HTTP/1.1 200 OK\r\n\r\nwe", true, -ETIMEDOUT);
    assert_int_equal(probe_page(&address, "/healthz", stdout, &status), -ECONNREFUSED);
    char nowhere[] = "no such name.invalid";
    address.host = nowhere;
    assert_int_equal(probe_page(&address, "/healthz", stdout, &status), -EADDRNOTAVAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_http),
        cmocka_unit_test(test_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
