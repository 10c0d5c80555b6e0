#include "common/contract/rules.h"

#include "tests/unit/unit.h"

static void test_channel(void **state)
{
    (void)state;
    assert_null(rules_check_channel(span_text("room 1"), 6));
    assert_null(rules_check_channel(span_text("gr\xc3\xbc\xc3\x9f"
                                              "e/\xc2\xa0"),
                                    256));
    assert_string_equal(rules_check_channel(span_text(""), 6), "is empty");
    assert_string_equal(rules_check_channel(span_text("room 12"), 6), "is too long");
    assert_string_equal(rules_check_channel(span_text("a\x80"), 6), "is not UTF-8");
    assert_string_equal(rules_check_channel(span_of("a\0b", 3), 6), "holds a control character");
    assert_string_equal(rules_check_channel(span_text("a\n"), 6), "holds a control character");
    assert_string_equal(rules_check_channel(span_text("\x7f"), 6), "holds a control character");
    assert_string_equal(rules_check_channel(span_text("a\xc2\x80"), 6),
                        "holds a control character");
    assert_string_equal(rules_check_channel(span_text("a\xc2\x9f"), 6),
                        "holds a control character");
}

static void test_metadata(void **state)
{
    (void)state;
    assert_null(rules_check_metadata(span_text("{\"a\":1}"), 7));
    assert_null(rules_check_metadata(span_text("null"), 7));
    assert_string_equal(rules_check_metadata(span_text("{\"a\":12}"), 7), "is too long");
    assert_string_equal(rules_check_metadata(span_text("{"), 7), "is not JSON");
    assert_string_equal(rules_check_metadata(span_text(""), 7), "is not JSON");
}

static void test_close_code(void **state)
{
    static const struct {
        int64_t first;
        int64_t last;
    } allowed[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};

    (void)state;
    for (int64_t code = -1; code < 70000; code++) {
        bool is_allowed = false;
        for (size_t i = 0; i < ARRAY_LENGTH(allowed); i++)
            is_allowed |= code >= allowed[i].first && code <= allowed[i].last;
        assert_int_equal(rules_check_close_code(code) == NULL, is_allowed);
    }
}

static void test_reason(void **state)
{
    char text[RULES_REASON_BYTES_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_null(rules_check_reason(span_text("")));
    assert_null(rules_check_reason(span_of(text, RULES_REASON_BYTES_MAX)));
    assert_string_equal(rules_check_reason(span_of(text, sizeof text)), "is too long");
    assert_string_equal(rules_check_reason(span_text("\xff")), "is not UTF-8");
}

static void test_status(void **state)
{
    (void)state;
    assert_null(rules_check_status(300));
    assert_null(rules_check_status(403));
    assert_null(rules_check_status(599));
    assert_non_null(rules_check_status(299));
    assert_non_null(rules_check_status(600));
    assert_non_null(rules_check_status(-403));
    assert_non_null(rules_check_status(65536 + 403));
}

static void test_token(void **state)
{
    static const char *const bad[] = {"",           "a b", "a,b", "a/b", "a\"",
                                      "gr\xc3\xbc", "a\t", "(",   ";",   "\x7f"};
    char text[RULES_SUBPROTOCOL_BYTES_MAX + 1];

    (void)state;
    assert_true(rules_is_token(span_text("chat.v1+json!#$%&'*-^_`|~AZ09")));
    assert_null(rules_check_subprotocol(span_text("chat")));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_false(rules_is_token(span_text(bad[i])));
        assert_string_equal(rules_check_subprotocol(span_text(bad[i])), "is not a token");
    }
    assert_false(rules_is_token(span_of("a\0", 2)));
    for (unsigned c = 0; c < 256; c++) {
        char byte = (char)c;
        bool expected = c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", (int)c);
        assert_int_equal(rules_is_token(span_of(&byte, 1)), expected);
    }
    memset(text, 'x', sizeof text);
    assert_null(rules_check_subprotocol(span_of(text, RULES_SUBPROTOCOL_BYTES_MAX)));
    assert_string_equal(rules_check_subprotocol(span_of(text, sizeof text)), "is too long");
}

static void test_header_name(void **state)
{
    static const char *const reserved[] = {
        "connection",
        "Upgrade",
        "CONTENT-LENGTH",
        "transfer-encoding",
        "Sec-WebSocket-Accept",
        "sec-websocket-protocol",
        "sec-websocket-",
        "host",
        "te",
        "trailer",
        "keep-alive",
        "date",
        "proxy-connection",
    };

    (void)state;
    assert_null(rules_check_header_name(span_text("set-cookie")));
    assert_null(rules_check_header_name(span_text("Content-Type")));
    assert_null(rules_check_header_name(span_text("sec-websocket")));
    assert_null(rules_check_header_name(span_text("x-upgrade")));
    for (size_t i = 0; i < ARRAY_LENGTH(reserved); i++)
        assert_string_equal(rules_check_header_name(span_text(reserved[i])),
                            "holds a header that is not the backend's to set");
    assert_string_equal(rules_check_header_name(span_text("")), "holds a malformed header name");
    assert_string_equal(rules_check_header_name(span_text("a:")), "holds a malformed header name");
    assert_string_equal(rules_check_header_name(span_text("a\r\nb")),
                        "holds a malformed header name");
}

static void test_header_value(void **state)
{
    static const char *const bad[] = {"a\r\nx: y", "a\n", "\r", "\x01", "\x7f"};

    (void)state;
    assert_null(rules_check_header_value(span_text("")));
    assert_null(rules_check_header_value(span_text("a=1; b=\"2\"\tgr\xc3\xbc")));
    assert_non_null(rules_check_header_value(span_of("a\0", 2)));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_non_null(rules_check_header_value(span_text(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel),     cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_close_code),  cmocka_unit_test(test_reason),
        cmocka_unit_test(test_status),      cmocka_unit_test(test_token),
        cmocka_unit_test(test_header_name), cmocka_unit_test(test_header_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
