#include "common/text/utf8.h"

#include "tests/unit/unit.h"

/* The edges of every row of RFC 3629 §4. */
static const char *const good[] = {
    "",
    "plain",
    "\x7f",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xe0\xbf\xbf",
    "\xe1\x80\x80",
    "\xec\xbf\xbf",
    "\xed\x80\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf0\xbf\xbf\xbf",
    "\xf1\x80\x80\x80",
    "\xf3\xbf\xbf\xbf",
    "\xf4\x80\x80\x80",
    "\xf4\x8f\xbf\xbf",
};

static const struct {
    const char *text;
    size_t valid; /* bytes of the prefix that is good */
    bool is_cut;  /* only its end is missing */
} bad[] = {
    {"\x80", 0, false},
    {"\xbf", 0, false},
    {"\xc0\x80", 0, false},
    {"\xc1\xbf", 0, false},
    {"\xc2", 0, true},
    {"\xc2\x7f", 0, false},
    {"\xc2\xc0", 0, false},
    {"\xe0\x9f\xbf", 0, false},
    {"\xe0\xa0", 0, true},
    {"\xed\xa0\x80", 0, false},
    {"\xed\xbf\xbf", 0, false},
    {"\xef\xbf", 0, true},
    {"\xef\xbf\x7f", 0, false},
    {"\xf0\x8f\xbf\xbf", 0, false},
    {"\xf0\x90\x80", 0, true},
    {"\xf4\x90\x80\x80", 0, false},
    {"\xf5\x80\x80\x80", 0, false},
    {"\xff", 0, false},
    {"\xfe", 0, false},
    {"abc\xe2\x82", 3, true},
    {"abc\xe2\x82\xac\xe2\x28\xa1", 6, false},
    {"eight by\x80", 8, false},
    {"thirty-two bytes of ASCII, a blo\xff", 32, false},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(utf8_is_valid(span_text(good[i])));
    assert_true(utf8_is_valid(span_of("\0", 1)));
    assert_true(utf8_is_valid(span_of(NULL, 0)));
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_false(utf8_is_valid(span_text(bad[i].text)));
        assert_int_equal(utf8_valid_length(span_text(bad[i].text)), bad[i].valid);
    }
}

/* A wrong byte is found wherever it stands relative to the words that the loop reads. */
static void test_every_position(void **state)
{
    char text[100];

    (void)state;
    for (size_t length = 1; length <= sizeof text; length++) {
        for (size_t at = 0; at < length; at++) {
            memset(text, 'a', length);
            assert_true(utf8_is_valid(span_of(text, length)));
            text[at] = '\x80';
            assert_int_equal(utf8_valid_length(span_of(text, length)), at);
        }
    }
}

static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        struct utf8_state utf8 = {0};
        for (size_t at = 0; at < strlen(good[i]); at++) {
            assert_true(utf8_feed(&utf8, span_of(good[i] + at, 1)));
            assert_int_equal(utf8_is_complete(&utf8), (good[i][at + 1] & 0xc0) != 0x80);
        }
        assert_true(utf8_feed(&utf8, span_of(NULL, 0)));
        assert_true(utf8_is_complete(&utf8));
    }
}

static void test_bad_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct utf8_state utf8 = {0};
        bool goes_on = true;
        for (size_t at = 0; at < strlen(bad[i].text); at++)
            goes_on = utf8_feed(&utf8, span_of(bad[i].text + at, 1));
        assert_int_equal(goes_on, bad[i].is_cut);
        assert_false(utf8_is_complete(&utf8));
    }
}

static void test_fails_at_once_and_stays_failed(void **state)
{
    struct utf8_state utf8 = {0};

    (void)state;
    assert_true(utf8_feed(&utf8, span_text("\xf4")));
    assert_false(utf8_feed(&utf8, span_text("\x90")));
    assert_false(utf8_feed(&utf8, span_text("fine")));
    assert_false(utf8_is_complete(&utf8));
}

static void test_encode(void **state)
{
    static const struct {
        uint32_t code_point;
        const char *text;
    } cases[] = {
        {'a', "a"},
        {0x7f, "\x7f"},
        {0x80, "\xc2\x80"},
        {0x7ff, "\xdf\xbf"},
        {0x800, "\xe0\xa0\x80"},
        {0xffff, "\xef\xbf\xbf"},
        {0x10000, "\xf0\x90\x80\x80"},
        {0x10ffff, "\xf4\x8f\xbf\xbf"},
        {0x20ac, "\xe2\x82\xac"},
    };
    char bytes[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_span(span_of(bytes, utf8_encode(cases[i].code_point, bytes)), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_every_position),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_bad_pieces),
        cmocka_unit_test(test_fails_at_once_and_stays_failed),
        cmocka_unit_test(test_encode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
