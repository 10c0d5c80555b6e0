#include "router/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *details, const char *expected_ip, const char *expected_path)
{
    struct buffer scratch = {0};
    struct span ip = {0}, path = {0};

    origin_read(span_text(details), &scratch, &ip, &path);
    assert_true(span_is(ip, expected_ip));
    assert_true(span_is(path, expected_path));
    buffer_fini(&scratch);
}

static void members_are_found(void **state)
{
    (void)state;
    check("\"headers\":{\"ip\":\"no\"},\"ip\":\"192.0.2.1\",\"path\":\"/a\",\"query\":\"\"",
          "192.0.2.1", "/a");
    check("\"path\":\"/\\u00e4\\/\",\"ip\":\"::1\"", "::1", "/\xc3\xa4/");
    check("", "", "");
    check("\"ip\":\"first\",\"ip\":\"second\"", "first", "");
}

static void what_is_no_text_stays_empty(void **state)
{
    (void)state;
    check("\"ip\":7,\"path\":[\"/\"]", "", "");
    check("\"ip\":\"a\\u0000b\",\"path\":\"/\\ud800\"", "", "");
}

static void what_is_no_json_stays_empty(void **state)
{
    (void)state;
    check("\"ip\":\"::1\",\"path\":", "", "");
    check("\"ip\":\"::1\"}", "", "");
    check("nonsense", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(what_is_no_text_stays_empty),
        cmocka_unit_test(what_is_no_json_stays_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
