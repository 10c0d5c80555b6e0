#include "common/contract/event.h"

#include "common/text/json.h"
#include "tests/unit/unit.h"

static void assert_json(struct buffer *buffer, const char *expected)
{
    assert_span(buffer_span(buffer), expected);
    assert_true(json_is_valid(buffer_span(buffer)));
    buffer_clear(buffer);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(event_kind_name(EVENT_OPEN), "OPEN");
    assert_string_equal(event_kind_name(EVENT_CLOSE), "CLOSE");
}

static void test_every_kind(void **state)
{
    const struct event events[] = {
        {.kind = EVENT_OPEN},
        {.kind = EVENT_OPEN, .data = span_text("\"path\":\"/\"")},
        {.kind = EVENT_TEXT, .sequence = 1, .data = span_text("a\"\n")},
        {.kind = EVENT_TEXT, .sequence = 2},
        {.kind = EVENT_BINARY, .sequence = 3, .data = span_of("\0\xff", 2)},
        {.kind = EVENT_BINARY, .sequence = 4},
        {.kind = EVENT_CLOSE, .sequence = 5, .code = 1001, .reason = span_text("\"bye\"")},
        {.kind = EVENT_CLOSE, .sequence = 6},
    };
    const struct event_group group = {.connection = span_text("id"),
                                      .metadata = span_text("{\"a\": 1.10}"),
                                      .key = span_text("not written"),
                                      .events = events,
                                      .event_count = ARRAY_LENGTH(events)};
    struct buffer buffer = {0};

    (void)state;
    event_request_append(&buffer, &group);
    assert_json(
        &buffer,
        "{\"connectionId\":\"id\",\"metadata\":{\"a\": 1.10},\"events\":["
        "{\"type\":\"OPEN\",\"connectionId\":\"id\"},"
        "{\"type\":\"OPEN\",\"connectionId\":\"id\",\"path\":\"/\"},"
        "{\"type\":\"TEXT\",\"connectionId\":\"id\",\"data\":\"a\\\"\\n\"},"
        "{\"type\":\"TEXT\",\"connectionId\":\"id\",\"data\":\"\"},"
        "{\"type\":\"BINARY\",\"connectionId\":\"id\",\"data\":\"AP8=\"},"
        "{\"type\":\"BINARY\",\"connectionId\":\"id\",\"data\":\"\"},"
        "{\"type\":\"CLOSE\",\"connectionId\":\"id\",\"code\":1001,\"reason\":\"\\\"bye\\\"\"},"
        "{\"type\":\"CLOSE\",\"connectionId\":\"id\",\"code\":1005,\"reason\":\"\"}]}");
    buffer_fini(&buffer);
}

static void test_batch(void **state)
{
    const struct event text = {.kind = EVENT_TEXT, .data = span_text("x")};
    const struct event close = {.kind = EVENT_CLOSE, .code = 1000};
    const struct event_group groups[] = {
        {span_text("a"), span_text("null"), span_text("a:1-1"), &text, 1},
        {span_text("b"), span_of(NULL, 0), span_text("b:close"), &close, 1},
    };
    struct buffer buffer = {0};

    (void)state;
    event_batch_append(&buffer, groups, 2);
    assert_json(
        &buffer,
        "{\"batch\":[{\"connectionId\":\"a\",\"metadata\":null,\"idempotencyKey\":\"a:1-1\","
        "\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"a\",\"data\":\"x\"}]},"
        "{\"connectionId\":\"b\",\"metadata\":null,\"idempotencyKey\":\"b:close\","
        "\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"b\",\"code\":1000,\"reason\":\"\"}]}]"
        "}");
    event_batch_append(&buffer, NULL, 0);
    assert_json(&buffer, "{\"batch\":[]}");
    buffer_fini(&buffer);
}

static void test_keys(void **state)
{
    char id[RULES_CONNECTION_ID_BYTES_MAX];
    struct event_key key = event_key_of(span_text("abc"), 0, 0);

    (void)state;
    assert_string_equal(key.text, "abc:0-0");
    assert_span(event_key_span(&key), "abc:0-0");
    key = event_key_of_close(span_text("abc"));
    assert_span(event_key_span(&key), "abc:close");
    memset(id, 'i', sizeof id);
    key = event_key_of(span_of(id, sizeof id), UINT64_MAX, UINT64_MAX);
    assert_int_equal(key.length, EVENT_KEY_SIZE - 1);
    assert_int_equal(strlen(key.text), EVENT_KEY_SIZE - 1);
    assert_memory_equal(key.text + sizeof id, ":18446744073709551615-18446744073709551615", 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
