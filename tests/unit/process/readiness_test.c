#include "tests/unit/unit.h"

#include "common/process/readiness.h"

static struct readiness readiness;
static struct buffer said;

static int tear_down(void **state)
{
    (void)state;
    readiness_fini(&readiness);
    buffer_fini(&said);
    return 0;
}

static void expect_json(const char *expected)
{
    buffer_clear(&said);
    readiness_write_json(&readiness, &said);
    assert_true(span_is(buffer_span(&said), expected));
}

static void expect_text(const char *expected)
{
    buffer_clear(&said);
    readiness_write_text(&readiness, &said);
    assert_true(span_is(buffer_span(&said), expected));
}

static void test_nothing_is_missing(void **state)
{
    (void)state;
    assert_true(readiness_is_ready(&readiness));
    expect_json("{\"ready\":true,\"reasons\":[]}\n");
    expect_text("serving");
    readiness_note(&readiness, "degraded");
    assert_true(readiness_is_ready(&readiness));
    expect_json("{\"ready\":true,\"reasons\":[],\"notes\":[\"degraded\"]}\n");
    expect_text("serving; degraded");
}

static void test_reasons_and_notes(void **state)
{
    (void)state;
    readiness_add(&readiness, "no router");
    readiness_add(&readiness, "control \"a\" is cold");
    readiness_note(&readiness, "one");
    readiness_note(&readiness, "two");
    assert_false(readiness_is_ready(&readiness));
    expect_json("{\"ready\":false,\"reasons\":[\"no router\",\"control \\\"a\\\" is cold\"],"
                "\"notes\":[\"one\",\"two\"]}\n");
    expect_text("waiting: no router, control \"a\" is cold; one; two");
}

/* What PostgreSQL says may have several lines: none of them becomes one of ours. */
static void test_a_text_stays_in_its_line(void **state)
{
    (void)state;
    readiness_add(&readiness, "");
    readiness_note(&readiness, "FATAL: no\nMAINPID=1\r\n");
    expect_text("waiting: ; FATAL: no MAINPID=1  ");
    expect_json(
        "{\"ready\":false,\"reasons\":[\"\"],\"notes\":[\"FATAL: no\\nMAINPID=1\\r\\n\"]}\n");
}

#define READINESS_TEST(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READINESS_TEST(test_nothing_is_missing),
        READINESS_TEST(test_reasons_and_notes),
        READINESS_TEST(test_a_text_stays_in_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
