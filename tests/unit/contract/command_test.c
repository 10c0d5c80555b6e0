#include "tests/unit/contract/parse.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(command_type_name(COMMAND_ACCEPT), "ACCEPT");
    assert_string_equal(command_type_name(COMMAND_POLL_FOR_CONNECTION), "POLL_FOR_CONNECTION");
    assert_int_equal(command_type_required(COMMAND_SUBSCRIBE),
                     COMMAND_HAS_CONNECTION | COMMAND_HAS_CHANNEL);
    assert_int_equal(command_type_optional(COMMAND_SUBSCRIBE), COMMAND_HAS_NOTHING);
    assert_int_equal(command_type_optional(COMMAND_ACCEPT),
                     COMMAND_HAS_SUBPROTOCOL | COMMAND_HAS_HEADERS);
}

static void test_no_commands(void **state)
{
    static const char *const bodies[] = {"{\"events\":[]}",
                                         " {\"x\":[{}],\"events\" : [ ] , \"y\":0} "};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct command_list list = parse_good(bodies[i], COMMAND_IN_CONTROL);
        assert_int_equal(list.count, 0);
        command_list_fini(&list);
    }
}

static void test_order_and_unknown_fields(void **state)
{
    struct command_list list = parse_good(
        "{\"events\":[{\"data\":\"a\",\"new\":{\"type\":1},\"connectionId\":\"x\",\"type\":"
        "\"TEXT\"},"
        "{\"type\":\"UNSUBSCRIBE\",\"connectionId\":\"x\",\"channel\":\"c\",\"data\":{}},"
        "{\"type\":\"CLOSE\",\"connectionId\":\"y\"}]}",
        COMMAND_IN_ANSWER);

    (void)state;
    assert_int_equal(list.count, 3);
    assert_int_equal(list.commands[0].type, COMMAND_TEXT);
    assert_span(list.commands[0].data, "a");
    assert_int_equal(list.commands[1].type, COMMAND_UNSUBSCRIBE);
    assert_span(list.commands[1].channel, "c");
    assert_int_equal(list.commands[1].data.length, 0);
    assert_int_equal(list.commands[2].type, COMMAND_CLOSE);
    assert_span(list.commands[2].connection, "y");
    assert_false(list.commands[2].refuses);
    command_list_fini(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.commands);
}

static void test_keys_and_types_with_escapes(void **state)
{
    struct command_list list =
        parse_good("{\"\\u0065vents\":[{\"t\\u0079pe\":\"\\u0054EXT\",\"connection\\u0049d\":\"x\","
                   "\"data\":\"\"}]}",
                   COMMAND_IN_CONTROL);

    (void)state;
    assert_int_equal(list.count, 1);
    assert_int_equal(list.commands[0].type, COMMAND_TEXT);
    command_list_fini(&list);
}

static void test_refused_bodies(void **state)
{
    static const struct {
        const char *body;
        const char *sentence;
    } cases[] = {
        {"", "the body ends too early (byte 0)"},
        {"null", "the body is not an object (byte 0)"},
        {"[]", "the body is not an object (byte 0)"},
        {"{}", "events is missing (byte 2)"},
        {"{\"event\":[]}", "events is missing (byte 12)"},
        {"{\"events\":null}", "the body is not an array (byte 10)"},
        {"{\"events\":{}}", "the body is not an array (byte 10)"},
        {"{\"events\":[]", "the body ends too early (byte 12)"},
        {"{\"events\":[]} x", "the body goes on after its end (byte 14)"},
        {"{\"events\":[],\"events\":[]}", "the body has two lists of events (byte 22)"},
        {"{\"events\":[],\"\\u0065vents\":[]}", "the body has two lists of events (byte 27)"},
        {"{\"events\":[1]}", "events[0] is not an object (byte 11)"},
        {"{\"events\":[{}]}", "events[0].type is missing (byte 11)"},
        {"{\"events\":[{\"type\":1}]}", "events[0].type is not a string (byte 19)"},
        {"{\"events\":[{\"type\":null}]}", "events[0].type is not a string (byte 19)"},
        {"{\"events\":[{\"type\":\"DANCE\"}]}", "events[0].type is unknown (byte 19)"},
        {"{\"events\":[{\"type\":\"text\"}]}", "events[0].type is unknown (byte 19)"},
        {"{\"events\":[{\"type\":\"TEXT\\u0000\"}]}", "events[0].type is unknown (byte 19)"},
        {"{\"events\":[{\"type\":\"OPEN\",\"connectionId\":\"x\"}]}",
         "events[0].type is unknown (byte 19)"},
        {"{\"events\":[{\"type\":\"ACCEPT\",\"connectionId\":\"x\"}]}",
         "events[0].type is not allowed here (byte 19)"},
        {"{\"events\":[{\"type\":\"CLOSE\",\"type\":\"CLOSE\"}]}",
         "events[0].type is given twice (byte 34)"},
        {"{\"events\":[{\"data\":\"\",\"data\":\"\"}]}", "events[0].data is given twice (byte 29)"},
        {"{\"events\":[{\"type\":\"CLOSE\"}]}", "events[0].connectionId is missing (byte 11)"},
        {"{\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"x\"},{\"type\":\"CLOSE\"}]}",
         "events[1].connectionId is missing (byte 47)"},
        {"{\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"x\"},]}",
         "events[1] is not an object (byte 47)"},
        {"{\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"x\"}",
         "events[0] ends too early (byte 46)"},
        {"{\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"x\",}]}",
         "events[0] lacks a key (byte 46)"},
        {"{\"events\":[{\"type\":\"\xff\"}]}", "the body is not UTF-8 (byte 20)"},
        {"{\"events\":[{},{},{},{},{}]}", "events[0].type is missing (byte 11)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_refused(span_text(cases[i].body), COMMAND_IN_CONTROL, cases[i].sentence);
    assert_refused(span_of(NULL, 0), COMMAND_IN_CONTROL, "the body ends too early (byte 0)");
    assert_refused(
        span_text("{\"events\":[{\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":\"x\"}]}"),
        COMMAND_IN_ANSWER, "events[0].type is not allowed here (byte 19)");
}

/* A body with `count` commands. */
static void body_of(size_t count, struct buffer *ret_body)
{
    buffer_append_text(ret_body, "{\"events\":[");
    for (size_t i = 0; i < count; i++)
        buffer_append_text(ret_body, i > 0 ? ",{\"type\":\"CLOSE\",\"connectionId\":\"x\"}"
                                           : "{\"type\":\"CLOSE\",\"connectionId\":\"x\"}");
    buffer_append_text(ret_body, "]}");
}

static void test_number_of_commands(void **state)
{
    const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    struct buffer body = {0};
    struct command_list list;
    struct contract_error error;

    (void)state;
    body_of(test_limits.commands + 1, &body);
    assert_refused(buffer_span(&body), COMMAND_IN_CONTROL, "events[4] is one too many (byte 155)");
    buffer_clear(&body);
    body_of(limits.commands, &body);
    assert_int_equal(
        command_list_parse(buffer_span(&body), COMMAND_IN_ANSWER, &limits, &list, &error), 0);
    assert_int_equal(list.count, 10000);
    assert_span(list.commands[9999].connection, "x");
    command_list_fini(&list);
    buffer_fini(&body);
}

static void test_one(void **state)
{
    struct command_list list;
    struct contract_error error;

    (void)state;
    assert_int_equal(command_list_parse_one(
                         span_text("{\"data\":\"hi\",\"channelId\":5,\"type\":\"CLOSE\"}"),
                         COMMAND_PUBLISH_TEXT, COMMAND_HAS_CHANNEL_ID, &test_limits, &list, &error),
                     0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.commands[0].type, COMMAND_PUBLISH_TEXT);
    assert_span(list.commands[0].data, "hi");
    assert_int_equal(list.commands[0].channel.length, 0);
    command_list_fini(&list);

    assert_int_equal(command_list_parse_one(span_of(NULL, 0), COMMAND_CLOSE, COMMAND_HAS_CONNECTION,
                                            &test_limits, &list, &error),
                     0);
    assert_int_equal(list.commands[0].code, 1000);
    command_list_fini(&list);
}

static void test_one_refused(void **state)
{
    static const struct {
        const char *body;
        const char *sentence;
    } cases[] = {
        {"{}", "data is missing (byte 0)"},
        {"[]", "the body is not an object (byte 0)"},
        {"{\"data\":1}", "data is not a string (byte 8)"},
        {"{\"data\":\"\"", "the body ends too early (byte 10)"},
        {"{\"data\":\"\"}}", "the body goes on after its end (byte 11)"},
        {"{\"data\":\"\",\"data\":\"\"}", "data is given twice (byte 18)"},
    };
    struct command_list list = {.count = 77};
    struct contract_error error;
    struct buffer sentence = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(command_list_parse_one(span_text(cases[i].body), COMMAND_TEXT,
                                                COMMAND_HAS_CONNECTION, &test_limits, &list,
                                                &error),
                         -EINVAL);
        buffer_clear(&sentence);
        contract_error_append(&error, &sentence);
        assert_span(buffer_span(&sentence), cases[i].sentence);
    }
    assert_int_equal(list.count, 77);
    buffer_fini(&sentence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_commands),
        cmocka_unit_test(test_order_and_unknown_fields),
        cmocka_unit_test(test_keys_and_types_with_escapes),
        cmocka_unit_test(test_refused_bodies),
        cmocka_unit_test(test_number_of_commands),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_one_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
