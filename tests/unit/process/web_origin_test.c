#include "common/process/web_origin.h"

#include "tests/unit/unit.h"

static void test_valid(void **state)
{
    static const char *const good[] = {
        "",
        " ",
        "https://example.com",
        "http://localhost:3000",
        "https://a.example,http://b.example",
        "https://*.example.com",
        " https://*.example.com:8443 , HTTP://X ",
        "http://[::1]:3000",
        "capacitor://localhost",
        "http://192.0.2.1",
    };
    static const char *const bad[] = {
        ",",
        "*",
        "null",
        "example.com",
        "https://",
        "https:/example.com",
        "https://example.com/",
        "https://example.com:",
        "https://example.com:x",
        "https://a b",
        "https://*",
        "https://*.",
        "https://a.*.example",
        "https://a,",
        "://a",
        "https://a,,https://b",
        "https://user@a",
        "https://example.com:443",
        "http://example.com:80",
        "https://[::1",
        "https://[x]",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        if (!web_origins_are_valid(span_text(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        if (web_origins_are_valid(span_text(bad[i])))
            fail_msg("taken: %s", bad[i]);
}

static void test_contain(void **state)
{
    static const struct {
        const char *list, *origin;
        bool is_in;
    } cases[] = {
        {"https://example.com", "https://example.com", true},
        {"https://example.com", "HTTPS://Example.COM", true},
        {"https://example.com", "http://example.com", false},
        {"https://example.com", "https://example.com:8443", false},
        {"https://example.com", "https://example.com.evil.example", false},
        {"https://example.com", "https://www.example.com", false},
        {"https://example.com", "https://evilexample.com", false},
        {"https://example.com", "null", false},
        {"https://example.com", "", false},
        {"https://a.example, http://b.example:81", "http://b.example:81", true},
        {"https://a.example, http://b.example:81", "http://b.example", false},
        {"https://*.example.com", "https://www.example.com", true},
        {"https://*.example.com", "https://a.b.Example.com", true},
        {"https://*.example.com", "https://example.com", false},
        {"https://*.example.com", "https://.example.com", false},
        {"https://*.example.com", "https://evilexample.com", false},
        {"https://*.example.com", "https://evil.example/x.example.com", false},
        {"https://*.example.com", "https://evil.example:1.example.com", false},
        {"https://*.example.com:81", "https://www.example.com:81", true},
        {"https://*.example.com:81", "https://www.example.com", false},
        {"http://[::1]:3000", "http://[::1]:3000", true},
        {"http://[::1]:3000", "http://[::1]", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (web_origins_contain(span_text(cases[i].list), span_text(cases[i].origin)) !=
            cases[i].is_in)
            fail_msg("%s in %s: not %d", cases[i].origin, cases[i].list, cases[i].is_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_contain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
