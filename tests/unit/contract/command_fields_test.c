#include "tests/unit/contract/parse.h"

/* One command from its members; the body lives as long as the list. */
struct parsed {
    char *body;
    struct command_list list;
    const struct command *command;
};

static struct parsed parse(enum command_context context, const char *members)
{
    struct buffer body = {0};
    struct parsed parsed;

    buffer_append_format(&body, "{\"events\":[{%s}]}", members);
    parsed.body = buffer_take(&body);
    parsed.list = parse_good(parsed.body, context);
    assert_int_equal(parsed.list.count, 1);
    parsed.command = parsed.list.commands;
    return parsed;
}

static void release(struct parsed *parsed)
{
    command_list_fini(&parsed->list);
    free(parsed->body);
}

static void refuse(const char *members, const char *reason)
{
    struct buffer body = {0};
    struct command_list list;
    struct contract_error error;

    buffer_append_format(&body, "{\"events\":[{%s}]}", members);
    assert_int_equal(
        command_list_parse(buffer_span(&body), COMMAND_IN_ANSWER, &test_limits, &list, &error),
        -EINVAL);
    assert_string_equal(error.reason, reason);
    assert_int_equal(error.index, 0);
    assert_in_range(error.position, 11, body.length);
    buffer_fini(&body);
}

static void test_text(void **state)
{
    struct parsed parsed = parse(
        COMMAND_IN_CONTROL,
        "\"type\":\"TEXT\",\"connectionId\":\"a\\u0062c\",\"data\":\"x\\n\\u0000\\ud83d\\ude00\"");

    (void)state;
    assert_span(parsed.command->connection, "abc");
    assert_int_equal(parsed.command->data.length, 7);
    assert_memory_equal(parsed.command->data.data, "x\n\0\xf0\x9f\x98\x80", 7);
    release(&parsed);
    parsed = parse(COMMAND_IN_CONTROL,
                   "\"type\":\"TEXT\",\"connectionId\":\"\",\"data\":\"123456789012\"");
    assert_span(parsed.command->data, "123456789012");
    assert_true(parsed.command->data.data > parsed.body);
    assert_null(parsed.list.text);
    release(&parsed);
    refuse("\"type\":\"TEXT\",\"connectionId\":\"\",\"data\":\"1234567890123\"", "is too long");
    refuse("\"type\":\"TEXT\",\"connectionId\":\"\",\"data\":\"\\ud800\"",
           "holds half a surrogate pair");
    refuse("\"type\":\"TEXT\",\"connectionId\":\"\",\"data\":null", "is not a string");
    refuse("\"type\":\"TEXT\",\"connectionId\":\"\"", "is missing");
    refuse("\"type\":\"TEXT\",\"connectionId\":7,\"data\":\"\"", "is not a string");
}

static void test_connection_length(void **state)
{
    char members[512], id[RULES_CONNECTION_ID_BYTES_MAX + 2];

    (void)state;
    memset(id, 'i', sizeof id);
    id[RULES_CONNECTION_ID_BYTES_MAX] = '\0';
    snprintf(members, sizeof members, "\"type\":\"CLOSE\",\"connectionId\":\"%s\"", id);
    struct parsed parsed = parse(COMMAND_IN_CONTROL, members);
    assert_int_equal(parsed.command->connection.length, RULES_CONNECTION_ID_BYTES_MAX);
    release(&parsed);
    snprintf(members, sizeof members, "\"type\":\"CLOSE\",\"connectionId\":\"i%s\"", id);
    refuse(members, "is too long");
}

static void test_binary(void **state)
{
    struct parsed parsed =
        parse(COMMAND_IN_CONTROL, "\"type\":\"BINARY\",\"connectionId\":\"x\",\"data\":\"AP8Q\"");

    (void)state;
    assert_int_equal(parsed.command->data.length, 3);
    assert_memory_equal(parsed.command->data.data, "\0\xff\x10", 3);
    release(&parsed);
    /* As PHP writes it. */
    parsed = parse(COMMAND_IN_CONTROL,
                   "\"type\":\"PUBLISH_BINARY\",\"channelId\":\"\\u0063\",\"data\":\"\\/\\/\\/+\"");
    assert_int_equal(parsed.command->data.length, 3);
    assert_memory_equal(parsed.command->data.data, "\xff\xff\xfe", 3);
    assert_span(parsed.command->channel, "c");
    release(&parsed);
    parsed = parse(COMMAND_IN_CONTROL, "\"type\":\"BINARY\",\"connectionId\":\"x\",\"data\":\"\"");
    assert_int_equal(parsed.command->data.length, 0);
    release(&parsed);
    refuse("\"type\":\"BINARY\",\"connectionId\":\"x\",\"data\":\"AP8\"", "is not base64");
    refuse("\"type\":\"BINARY\",\"connectionId\":\"x\",\"data\":\"\\u0000AA=\"", "is not base64");
    refuse("\"type\":\"BINARY\",\"connectionId\":\"x\",\"data\":\"AAAAAAAAAAAAAAAAAAA=\"",
           "is too long");
}

static void test_channels(void **state)
{
    struct parsed parsed =
        parse(COMMAND_IN_CONTROL,
              "\"type\":\"SUBSCRIBE\",\"connectionId\":\"x\",\"channel\":\"12345678\"");

    (void)state;
    assert_span(parsed.command->channel, "12345678");
    release(&parsed);
    refuse("\"type\":\"SUBSCRIBE\",\"connectionId\":\"x\",\"channel\":\"123456789\"",
           "is too long");
    refuse("\"type\":\"SUBSCRIBE\",\"connectionId\":\"x\",\"channel\":\"\"", "is empty");
    refuse("\"type\":\"SUBSCRIBE\",\"connectionId\":\"x\",\"channel\":\"a\\u0000\"",
           "holds a control character");
    refuse("\"type\":\"SUBSCRIBE\",\"connectionId\":\"x\",\"channelId\":\"a\"", "is missing");
    refuse("\"type\":\"UNSUBSCRIBE\",\"connectionId\":\"x\",\"channel\":null", "is not a string");
    refuse("\"type\":\"PUBLISH_TEXT\",\"channel\":\"a\",\"data\":\"\"", "is missing");
    refuse("\"type\":\"PUBLISH_TEXT\",\"channelId\":[],\"data\":\"\"", "is not a string");
    refuse("\"type\":\"CLOSE_CHANNEL\",\"channelId\":\"\"", "is empty");
}

static void test_metadata(void **state)
{
    static const char *const values[] = {"null", "{ \"a\" : [1.10] }", "\"\\ud800\"", "1e999", "0",
                                         "[]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        char members[128];
        snprintf(members, sizeof members,
                 "\"metadata\": %s ,\"type\":\"SET_METADATA\",\"connectionId\":\"x\"", values[i]);
        struct parsed parsed = parse(COMMAND_IN_ANSWER, members);
        assert_span(parsed.command->metadata, values[i]);
        release(&parsed);
    }
    refuse("\"type\":\"SET_METADATA\",\"connectionId\":\"x\"", "is missing");
    refuse("\"type\":\"SET_METADATA\",\"connectionId\":\"x\",\"metadata\":\"123456789012345\"",
           "is too long");
    refuse("\"type\":\"SET_METADATA\",\"connectionId\":\"x\",\"metadata\":{", "lacks a comma");
}

static void test_close(void **state)
{
    struct parsed parsed = parse(COMMAND_IN_CONTROL, "\"type\":\"CLOSE\",\"connectionId\":\"x\"");

    (void)state;
    assert_int_equal(parsed.command->code, 1000);
    assert_int_equal(parsed.command->status, 403);
    assert_int_equal(parsed.command->reason.length, 0);
    release(&parsed);
    parsed =
        parse(COMMAND_IN_CONTROL, "\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":null,"
                                  "\"reason\":null,\"status\":null,\"headers\":null,\"body\":null");
    assert_int_equal(parsed.command->code, 1000);
    assert_int_equal(parsed.command->status, 403);
    release(&parsed);
    parsed = parse(
        COMMAND_IN_CONTROL,
        "\"type\":\"CLOSE_CHANNEL\",\"channelId\":\"c\",\"code\":4999,\"reason\":\"b\\u0079e\"");
    assert_int_equal(parsed.command->code, 4999);
    assert_int_equal(parsed.command->status, 0);
    assert_span(parsed.command->reason, "bye");
    release(&parsed);
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":1005",
           "is no close code that may be sent: 1000-1003, 1007-1014, 3000-4999");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":66536",
           "is no close code that may be sent: 1000-1003, 1007-1014, 3000-4999");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":99999999999", "is out of range");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":1000.5", "is not a whole number");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"code\":\"1000\"", "is not a number");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"reason\":1", "is not a string");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"status\":200", "is no status that refuses");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"status\":true", "is not a number");
    refuse("\"type\":\"CLOSE\",\"connectionId\":\"x\",\"body\":{}", "is not a string");
    refuse("\"type\":\"CLOSE_CHANNEL\",\"channelId\":\"c\",\"reason\":\""
           "1234567890123456789012345678901234567890123456789012345678901234567890"
           "123456789012345678901234567890123456789012345678901234\"",
           "is too long");
}

static void test_refusal_body_length(void **state)
{
    struct buffer members = {0};

    (void)state;
    buffer_append_text(&members, "\"type\":\"CLOSE\",\"connectionId\":\"x\",\"body\":\"");
    memset(buffer_reserve(&members, RULES_REFUSAL_BODY_BYTES_MAX), 'b',
           RULES_REFUSAL_BODY_BYTES_MAX);
    buffer_commit(&members, RULES_REFUSAL_BODY_BYTES_MAX);
    size_t length = members.length;
    buffer_append(&members, "\"", 2);
    struct parsed parsed = parse(COMMAND_IN_ANSWER, members.data);
    assert_int_equal(parsed.command->body.length, RULES_REFUSAL_BODY_BYTES_MAX);
    release(&parsed);
    members.length = length;
    buffer_append(&members, "b\"", 3);
    refuse(members.data, "is too long");
    buffer_fini(&members);
}

static void test_accept(void **state)
{
    struct parsed parsed =
        parse(COMMAND_IN_ANSWER,
              "\"type\":\"ACCEPT\",\"connectionId\":\"x\",\"subprotocol\":\"chat.v1\","
              "\"headers\":{\"X-Edge\":\" 1 "
              "\",\"set-cookie\":[\"a=1\",\"b=\\u00322\"],\"x-\\u0065\":\"\",\"none\":[]}");
    const struct command *accept = parsed.command;

    (void)state;
    assert_span(accept->subprotocol, "chat.v1");
    assert_int_equal(accept->header_count, 4);
    assert_span(accept->headers[0].name, "X-Edge");
    assert_span(accept->headers[0].value, "1");
    assert_span(accept->headers[1].name, "set-cookie");
    assert_span(accept->headers[1].value, "a=1");
    assert_span(accept->headers[2].value, "b=22");
    assert_span(accept->headers[3].name, "x-e");
    assert_span(accept->headers[3].value, "");
    release(&parsed);
}

static void test_accept_refused(void **state)
{
#define ACCEPT_WITH "\"type\":\"ACCEPT\",\"connectionId\":\"x\","
    (void)state;
    refuse(ACCEPT_WITH "\"subprotocol\":\"a b\"", "is not a token");
    refuse(ACCEPT_WITH "\"subprotocol\":\"\"", "is not a token");
    refuse(ACCEPT_WITH "\"headers\":[]", "is not an object");
    refuse(ACCEPT_WITH "\"headers\":{\"a\":1}", "is not a string");
    refuse(ACCEPT_WITH "\"headers\":{\"a\":[\"b\",null]}", "is not a string");
    refuse(ACCEPT_WITH "\"headers\":{\"a b\":\"\"}", "holds a malformed header name");
    refuse(ACCEPT_WITH "\"headers\":{\"\":\"\"}", "holds a malformed header name");
    refuse(ACCEPT_WITH "\"headers\":{\"upgr\\u0061de\":\"h2c\"}",
           "holds a header that is not the backend's to set");
    refuse(ACCEPT_WITH "\"headers\":{\"a\":\"x\\r\\nset-cookie: y\"}",
           "holds a control character in a header value");
    refuse(ACCEPT_WITH "\"headers\":{\"a\":[\"x\",\"\\u0000\"]}",
           "holds a control character in a header value");
    refuse(ACCEPT_WITH "\"headers\":{\"a\":\"\\ud800\"}", "holds half a surrogate pair");
#undef ACCEPT_WITH
}

static void test_headers_of_several_commands(void **state)
{
    struct command_list list =
        parse_good("{\"events\":[{\"type\":\"ACCEPT\",\"connectionId\":\"a\",\"headers\":{\"a\":"
                   "\"1\",\"b\":\"2\"}},"
                   "{\"type\":\"ACCEPT\",\"connectionId\":\"b\"},"
                   "{\"type\":\"CLOSE\",\"connectionId\":\"c\",\"headers\":{\"c\":\"3\"}}]}",
                   COMMAND_IN_ANSWER);

    (void)state;
    assert_int_equal(list.commands[0].header_count, 2);
    assert_span(list.commands[0].headers[1].value, "2");
    assert_int_equal(list.commands[1].header_count, 0);
    assert_null(list.commands[1].headers);
    assert_int_equal(list.commands[2].header_count, 1);
    assert_span(list.commands[2].headers[0].name, "c");
    command_list_fini(&list);
}

/* Members with `count` headers whose values have `length` bytes. */
static char *headers_of(size_t count, size_t length)
{
    struct buffer members = {0};

    buffer_append_text(&members,
                       "\"type\":\"ACCEPT\",\"connectionId\":\"x\",\"headers\":{\"ab\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&members, i > 0 ? ",\"" : "\"");
        memset(buffer_reserve(&members, length), 'v', length);
        buffer_commit(&members, length);
        buffer_append_byte(&members, '"');
    }
    buffer_append_text(&members, "]}");
    return buffer_take(&members);
}

static void test_header_bounds(void **state)
{
    size_t fitting = RULES_HEADERS_BYTES_MAX - strlen("ab: \r\n");
    char *members = headers_of(1, fitting);
    struct parsed parsed = parse(COMMAND_IN_ANSWER, members);

    (void)state;
    assert_int_equal(parsed.command->headers[0].value.length, fitting);
    release(&parsed);
    free(members);
    members = headers_of(1, fitting + 1);
    refuse(members, "is too long");
    free(members);
    members = headers_of(RULES_HEADERS_MAX, 1);
    parsed = parse(COMMAND_IN_ANSWER, members);
    assert_int_equal(parsed.command->header_count, RULES_HEADERS_MAX);
    release(&parsed);
    free(members);
    members = headers_of(RULES_HEADERS_MAX + 1, 1);
    refuse(members, "holds too many headers");
    free(members);
}

static void test_timeout(void **state)
{
    static const struct {
        const char *member;
        int64_t timeout_ms;
    } cases[] = {
        {"", 1000},
        {",\"timeout\":null", 1000},
        {",\"timeout\":0", 0},
        {",\"timeout\":250.75", 250},
        {",\"timeout\":999", 999},
        {",\"timeout\":1000", 1000},
        {",\"timeout\":1e18", 1000},
    };
    char members[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        snprintf(members, sizeof members,
                 "\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":\"x\"%s", cases[i].member);
        struct parsed parsed = parse(COMMAND_IN_CONTROL, members);
        assert_int_equal(parsed.command->timeout_ms, cases[i].timeout_ms);
        release(&parsed);
    }
    assert_refused(span_text("{\"events\":[{\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":"
                             "\"x\",\"timeout\":-1}]}"),
                   COMMAND_IN_CONTROL, "events[0].timeout is out of range (byte 70)");
    assert_refused(span_text("{\"events\":[{\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":"
                             "\"x\",\"timeout\":\"1\"}]}"),
                   COMMAND_IN_CONTROL, "events[0].timeout is not a number (byte 70)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_connection_length),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_refusal_body_length),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_refused),
        cmocka_unit_test(test_headers_of_several_commands),
        cmocka_unit_test(test_header_bounds),
        cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
