#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

static void test_assert_stops_the_process(void **state)
{
    (void)state;
    int status, pipe_fds[2];
    char said[256] = "";
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_fds[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(pipe_fds[1]);
    assert_true(read(pipe_fds[0], said, sizeof(said) - 1) > 0);
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "1 + 1 == 3"));
    ASSERT(1 + 1 == 2);
}

static void test_allocation(void **state)
{
    (void)state;
    free(xmalloc(0));
    int *numbers = xcalloc(3, sizeof(int));
    assert_int_equal(numbers[2], 0);
    numbers = xrealloc(numbers, 100 * sizeof(int));
    free(numbers);
    char *copy = xstrdup("abc");
    assert_string_equal(copy, "abc");
    free(copy);
    copy = xmemdup0("abc", 2);
    assert_string_equal(copy, "ab");
    free(copy);
    copy = xmemdup0(NULL, 0);
    assert_string_equal(copy, "");
    free(copy);
}

static void test_min_max(void **state)
{
    (void)state;
    assert_int_equal(min_size(1, 2), 1);
    assert_int_equal(max_size(1, 2), 2);
    assert_int_equal(min_size(SIZE_MAX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assert_stops_the_process),
        cmocka_unit_test(test_allocation),
        cmocka_unit_test(test_min_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
