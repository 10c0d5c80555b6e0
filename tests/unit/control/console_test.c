/* The files that are built in, and when a browser may use those that it has. */
#include "control/console.h"
#include "tests/unit/unit.h"

static const struct console_file *find(const char *path)
{
    for (size_t i = 0; i < console_file_count; i++)
        if (strcmp(console_files[i].path, path) == 0)
            return &console_files[i];
    return NULL;
}

static void the_files_are_there(void **state)
{
    (void)state;
    const struct console_file *page = find("/");
    assert_non_null(page);
    assert_string_equal(page->content_type, "text/html; charset=utf-8");
    assert_true(span_starts_with(span_of(page->data, page->length), span_text("<!doctype html>")));
    assert_string_equal(find("/console/app.js")->content_type, "text/javascript; charset=utf-8");
    assert_string_equal(find("/console/views/login.js")->content_type,
                        "text/javascript; charset=utf-8");
    assert_string_equal(find("/console/style.css")->content_type, "text/css; charset=utf-8");
    assert_string_equal(find("/console/icon.svg")->content_type, "image/svg+xml");
    assert_null(find("/console/index.html"));
}

static void each_has_an_etag_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < console_file_count; i++) {
        const char *etag = console_files[i].etag;
        assert_int_equal(strlen(etag), 34);
        assert_int_equal(etag[0], '"');
        assert_int_equal(etag[33], '"');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(etag, console_files[j].etag);
    }
}

static void nothing_comes_from_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < console_file_count; i++) {
        const struct console_file *file = &console_files[i];
        assert_null(memmem(file->data, file->length, "https://", 8));
        assert_null(memmem(file->data, file->length, "innerHTML", 9));
        assert_null(memmem(file->data, file->length, "style=", 6));
    }
}

static void if_none_match(void **state)
{
    static const struct {
        const char *header;
        bool matches;
    } rows[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"*", true},
        {"\"x\", \"abc\"", true},
        {"\"x\",W/\"abc\" , \"y\"", true},
        {"\"abcd\"", false},
        {"abc", false},
        {"\"x\"", false},
        {"W/", false},
        {",", false},
        {"", false},
        {NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(console_etag_matches(span_text(rows[i].header), "\"abc\""),
                         rows[i].matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_are_there),
        cmocka_unit_test(each_has_an_etag_of_its_own),
        cmocka_unit_test(nothing_comes_from_elsewhere),
        cmocka_unit_test(if_none_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
