#include "common/contract/event.h"
#include "common/text/json.h"
#include "tests/unit/unit.h"

#define HEADER(name, value)               \
    {                                     \
        span_text(name), span_text(value) \
    }

static void assert_details(const struct event_handshake *handshake, const char *expected)
{
    struct buffer buffer = {0};

    buffer_append_byte(&buffer, '{');
    event_open_details_append(&buffer, handshake);
    buffer_append_byte(&buffer, '}');
    assert_true(json_is_valid(buffer_span(&buffer)));
    assert_span(buffer_span(&buffer), expected);
    buffer_fini(&buffer);
}

static void test_handshake(void **state)
{
    const struct event_header headers[] = {
        HEADER("host", "example.org"), HEADER("cookie", "a=1"), HEADER("accept", "x"),
        HEADER("cookie", "b=\"2\""),   HEADER("x-a", "1"),      HEADER("x-a", "2"),
        HEADER("x", "short"),          HEADER("x-a", "3")};
    const struct span subprotocols[] = {span_text("chat"), span_text("chat.v2")};
    const struct event_handshake handshake = {headers,
                                              ARRAY_LENGTH(headers),
                                              span_text("::1"),
                                              span_text("/a/b"),
                                              span_text("q=1&r=%20"),
                                              subprotocols,
                                              2};
    struct buffer buffer = {0};

    (void)state;
#define HEADERS                                                                               \
    "\"headers\":{\"accept\":\"x\",\"cookie\":\"a=1; b=\\\"2\\\"\",\"host\":\"example.org\"," \
    "\"x\":\"short\",\"x-a\":\"1, 2, 3\"}"
    assert_details(&handshake,
                   "{" HEADERS ",\"ip\":\"::1\",\"path\":\"/a/b\",\"query\":\"q=1&r=%20\","
                   "\"subprotocols\":[\"chat\",\"chat.v2\"]}");
    event_open_metadata_append(&buffer, &handshake);
    assert_span(buffer_span(&buffer), "{" HEADERS ",\"ip\":\"::1\"}");
    assert_true(json_is_valid(buffer_span(&buffer)));
    buffer_fini(&buffer);
#undef HEADERS
}

static void test_empty(void **state)
{
    const struct event_handshake handshake = {.path = span_text("/")};

    (void)state;
    assert_details(
        &handshake,
        "{\"headers\":{},\"ip\":\"\",\"path\":\"/\",\"query\":\"\",\"subprotocols\":[]}");
}

static void test_bytes_that_are_not_utf8(void **state)
{
    const struct event_header headers[] = {HEADER("x", "gr\xfc"), HEADER("x", "gr\xc3\xbc")};
    const struct event_handshake handshake = {.headers = headers,
                                              .header_count = 2,
                                              .path = span_text("/\xff"),
                                              .query = span_text("\x80")};

    (void)state;
    assert_details(
        &handshake,
        "{\"headers\":{\"x\":\"gr\xc3\xbc, gr\xc3\xbc\"},\"ip\":\"\",\"path\":\"/\xc3\xbf\","
        "\"query\":\"\xc2\x80\",\"subprotocols\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
