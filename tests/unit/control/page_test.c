#include "control/page.h"
#include "tests/unit/unit.h"

static const char *field;

static const char *parse(const char *text, struct page *page)
{
    struct http_target target;
    assert_int_equal(http_target_parse(span_text(text), &target), 0);
    const char *reason = page_parse(&target, 1000, page, &field);
    http_target_fini(&target);
    return reason;
}

static void without_parameters_it_is_the_first_page(void **state)
{
    struct page page;
    (void)state;
    assert_null(parse("/x", &page));
    assert_int_equal(page.limit, PAGE_STANDARD);
    assert_true(span_is(page_after(&page).text, ""));
    assert_true(span_is(page_rows(&page).text, "101"));
}

static void limit_has_bounds(void **state)
{
    struct page page;
    (void)state;
    assert_null(parse("/x?limit=1", &page));
    assert_int_equal(page.limit, 1);
    assert_null(parse("/x?limit=1000", &page));
    const char *const bad[] = {"/x?limit=0",   "/x?limit=1001", "/x?limit=-1",
                               "/x?limit=ten", "/x?limit=",     "/x?limit=99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_non_null(parse(bad[i], &page));
        assert_string_equal(field, "limit");
    }
}

static void a_small_largest_page_is_the_standard(void **state)
{
    struct http_target target;
    struct page page;
    (void)state;
    assert_int_equal(http_target_parse(span_text("/x"), &target), 0);
    assert_null(page_parse(&target, 7, &page, &field));
    assert_int_equal(page.limit, 7);
    http_target_fini(&target);
}

static void a_cursor_holds_a_key(void **state)
{
    struct page page;
    (void)state;
    assert_null(parse("/x?cursor=w7x0ZXI", &page)); /* "üter" */
    assert_true(span_is(page_after(&page).text, "\xc3\xbcter"));
}

static void a_cursor_that_is_none_is_refused(void **state)
{
    const char *const bad[] = {"/x?cursor=!", "/x?cursor=_w" /* not UTF-8 */,
                               "/x?cursor=YQBi" /* a NUL inside */, "/x?cursor=YQ=="};
    struct page page;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_non_null(parse(bad[i], &page));
        assert_string_equal(field, "cursor");
    }
}

static void a_cursor_has_a_largest_length(void **state)
{
    static char text[3 * PAGE_KEY_BYTES];
    struct page page;
    (void)state;
    memset(text, 'A', sizeof text - 1);
    memcpy(text, "/x?cursor=", 10);
    assert_non_null(parse(text, &page));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_parameters_it_is_the_first_page),
        cmocka_unit_test(limit_has_bounds),
        cmocka_unit_test(a_small_largest_page_is_the_standard),
        cmocka_unit_test(a_cursor_holds_a_key),
        cmocka_unit_test(a_cursor_that_is_none_is_refused),
        cmocka_unit_test(a_cursor_has_a_largest_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
