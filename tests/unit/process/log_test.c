#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/log.h"
#include "common/text/json.h"

static int fds[2];
static char said[65536];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    log_init("slip-test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fds[1]);
    log_set_id(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* All that was written; what follows `msg=` of a single line. */
static const char *hear(void)
{
    ssize_t length = read(fds[0], said, sizeof(said) - 1);
    said[length > 0 ? length : 0] = '\0';
    char *newline = strchr(said, '\n');
    if (newline && !newline[1])
        *newline = '\0';
    const char *message = strstr(said, " msg=");
    return message ? message + 1 : said;
}

static void test_shape(void **state)
{
    (void)state;
    log_info("edge joined", LOG_TEXT("edge", "ab"), LOG_SPAN("conn", span_of("xyz", 2)),
             LOG_INT("count", -3), LOG_UINT("bytes", UINT64_MAX), LOG_BOOL("warm", true));
    assert_string_equal(hear(), "msg=\"edge joined\" edge=ab conn=xy count=-3 "
                                "bytes=18446744073709551615 warm=true");
    int year, month, day, hour, minute, second, ms;
    assert_int_equal(sscanf(said, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ level=info program=slip-test ",
                            &year, &month, &day, &hour, &minute, &second, &ms),
                     7);
    log_warning("plain");
    assert_string_equal(hear(), "msg=plain");
    assert_non_null(strstr(said, "level=warning "));
}

static int evaluated;

static int64_t count_evaluation(void)
{
    return ++evaluated;
}

static void test_levels(void **state)
{
    (void)state;
    evaluated = 0;
    log_debug("quiet", LOG_INT("n", count_evaluation()));
    assert_string_equal(hear(), "");
    assert_int_equal(evaluated, 0);
    log_init("slip-test", LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT, fds[1]);
    log_debug("loud", LOG_INT("n", count_evaluation()));
    assert_string_equal(hear(), "msg=loud n=1");
    log_init("slip-test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, fds[1]);
    log_warning("quiet");
    assert_string_equal(hear(), "");
    log_error("loud");
    assert_string_equal(hear(), "msg=loud");
}

static void test_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *value, *written;
    } rows[] = {
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nlevel=error", "\"a\\nlevel=error\""},
        {"\r\t", "\"\\r\\t\""},
        {"\x1b[31m\x7f", "\"\\u001b[31m\\u007f\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\""}, /* a terminal's other escape */
        {"\xc2\xa0", "\"\xc2\xa0\""},
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
        {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char expected[100];
        snprintf(expected, sizeof(expected), "msg=x v=%s", rows[i].written);
        log_info("x", LOG_TEXT("v", rows[i].value));
        assert_string_equal(hear(), expected);
    }
    log_info("x", LOG_SPAN("v", span_of("a\0b", 3)));
    assert_string_equal(hear(), "msg=x v=\"a\\u0000b\"");
    log_info("x", LOG_TEXT("v", NULL));
    assert_string_equal(hear(), "msg=x v=\"\"");
}

static void test_json(void **state)
{
    (void)state;
    log_init("slip-test", LOG_LEVEL_INFO, LOG_FORMAT_JSON, fds[1]);
    log_info("odd \"things\"", LOG_SPAN("v", span_of("\0\n\xff\xc3\xbc\\\x1b", 7)),
             LOG_INT("n", -1), LOG_BOOL("b", false), LOG_TEXT("t", "7"));
    hear();
    assert_true(json_is_valid(span_text(said)));
    assert_non_null(strstr(said, "\"level\":\"info\",\"program\":\"slip-test\","
                                 "\"msg\":\"odd \\\"things\\\"\",\"v\":\"\\u0000\\n\xef\xbf\xbd"
                                 "\xc3\xbc\\\\\\u001b\",\"n\":-1,\"b\":false,\"t\":\"7\"}"));
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    static char value[3000];
    memset(value, 'a', sizeof(value) - 1);
    log_info("x", LOG_TEXT("v", value), LOG_INT("after", 1));
    const char *line = hear();
    assert_int_equal(strlen(line), strlen("msg=x v=\"\" after=1") + LOG_VALUE_BYTES + 3);
    assert_non_null(strstr(line, "aaa...\" after=1"));
    /* Never inside a character: each offset of a run of four-byte ones. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(value, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof(value); i += 4)
            memcpy(value + i, "\xf0\x9f\x98\x80", 5);
        log_info("x", LOG_TEXT("v", value));
        assert_null(strstr(hear(), "\xef\xbf\xbd"));
    }
}

static void test_long_lines_are_cut_and_well_formed(void **state)
{
    (void)state;
    static char value[1024];
    memset(value, '\1', sizeof(value) - 1); /* each becomes six characters */
    for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
        log_init("slip-test", LOG_LEVEL_INFO, (enum log_format)format, fds[1]);
        log_info("x", LOG_INT("n", 1), LOG_TEXT("v", value), LOG_TEXT("w", "lost"));
        ssize_t length = read(fds[0], said, sizeof(said) - 1);
        assert_in_range(length, 10, LOG_LINE_BYTES);
        assert_int_equal(said[length - 1], '\n');
        said[length] = '\0';
        assert_null(strstr(said, "lost"));
        if (format == LOG_FORMAT_JSON) {
            assert_true(json_is_valid(span_text(said)));
            assert_non_null(strstr(said, "\"n\":1,\"truncated\":true}\n"));
        } else {
            assert_non_null(strstr(said, " n=1 truncated=true\n"));
        }
    }
    /* Up to the very last byte. */
    for (size_t size = 3800; size < 4100; size++) {
        static char wide[4100];
        memset(wide, 'a', size);
        wide[size] = '\0';
        log_info("x", LOG_SPAN("a", span_of(wide, 1000)), LOG_SPAN("b", span_of(wide, 1000)),
                 LOG_SPAN("c", span_of(wide, 1000)), LOG_SPAN("d", span_of(wide, size - 3000)));
        ssize_t length = read(fds[0], said, sizeof(said) - 1);
        assert_in_range(length, 3000, LOG_LINE_BYTES);
        assert_true(json_is_valid(span_of(said, (size_t)length)));
    }
}

static void test_id(void **state)
{
    (void)state;
    log_set_id("edge-7");
    log_info("x");
    hear();
    assert_non_null(strstr(said, " program=slip-test id=edge-7 msg=x"));
    log_set_id(NULL);
    log_info("x");
    hear();
    assert_null(strstr(said, "id="));
}

static void test_errno(void **state)
{
    (void)state;
    errno = EINTR;
    log_info("x", LOG_ERRNO(-ENOENT));
    assert_int_equal(errno, EINTR);
    assert_string_equal(hear(), "msg=x error=\"No such file or directory\"");
    log_info("x", LOG_ERRNO(ENOENT), LOG_ERRNO(-99999));
    assert_string_equal(hear(),
                        "msg=x error=\"No such file or directory\" error=\"unknown error\"");
}

/* A reader that sleeps costs lines, not time; afterwards the log says how many. */
static void test_nobody_reads(void **state)
{
    (void)state;
    fcntl(fds[1], F_SETFL, fcntl(fds[1], F_GETFL) & ~O_NONBLOCK); /* as standard error is */
    static char value[900];
    memset(value, 'a', sizeof(value) - 1);
    for (int i = 0; i < 500; i++)
        log_info("x", LOG_TEXT("v", value), LOG_INT("i", i));
    int lines = 0;
    while (read(fds[0], said, 1) > 0)
        lines += said[0] == '\n';
    assert_in_range(lines, 10, 490);
    log_info("y");
    char expected[64];
    snprintf(expected, sizeof(expected), "msg=y dropped_lines=%d", 500 - lines);
    assert_string_equal(hear(), expected);
    log_info("z");
    assert_string_equal(hear(), "msg=z");
}

static void test_closed_reader(void **state)
{
    (void)state;
    int broken = open("/dev/full", O_WRONLY | O_CLOEXEC);
    log_init("slip-test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, broken);
    log_info("x");
    log_info("x");
    close(broken);
    log_init("slip-test", LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fds[1]);
    log_info("y");
    assert_string_equal(hear(), "msg=y");
}

static void test_limited(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    for (int i = 0; i < 25; i++)
        log_limited(&limit, LOG_LEVEL_INFO, "noise", LOG_INT("i", i));
    hear();
    int lines = 0;
    for (const char *c = said; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, LOG_LIMIT_LINES);
    limit.window_start_ms -= LOG_LIMIT_WINDOW_MS; /* as if it had passed */
    log_limited(&limit, LOG_LEVEL_INFO, "noise");
    assert_string_equal(hear(), "msg=noise suppressed=15");
    log_limited(&limit, LOG_LEVEL_INFO, "noise");
    assert_string_equal(hear(), "msg=noise");
    log_limited(&limit, LOG_LEVEL_DEBUG, "off"); /* a level that is off uses nothing up */
    assert_int_equal(limit.lines, 2);
    assert_int_equal(limit.suppressed, 0);
}

#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_shape),
        LOG_TEST(test_levels),
        LOG_TEST(test_escapes),
        LOG_TEST(test_json),
        LOG_TEST(test_long_values_are_cut),
        LOG_TEST(test_long_lines_are_cut_and_well_formed),
        LOG_TEST(test_id),
        LOG_TEST(test_errno),
        LOG_TEST(test_nobody_reads),
        LOG_TEST(test_closed_reader),
        LOG_TEST(test_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
