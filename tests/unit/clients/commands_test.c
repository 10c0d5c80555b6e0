#include "clients/c/slip.h"
#include "common/contract/command.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static void assert_body(struct slip_commands *commands, const char *expected)
{
    size_t length = 0;
    const char *body = slip_commands_body(commands, &length);

    assert_non_null(body);
    assert_span(span_of(body, length), expected);
    assert_int_equal(body[length], '\0');
}

/* What the broker itself makes of the list. */
static void assert_understood(struct slip_commands *commands, enum command_context context,
                              struct command_list *ret_list)
{
    const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    struct contract_error error = {.reason = "?"};
    size_t length = 0;
    const char *body = slip_commands_body(commands, &length);

    if (command_list_parse(span_of(body, length), context, &limits, ret_list, &error) < 0)
        fail_msg("%s of %s", error.reason, body);
    assert_int_equal(ret_list->count, slip_commands_count(commands));
}

static void test_empty(void **state)
{
    struct slip_commands *commands = slip_commands_new();

    (void)state;
    assert_body(commands, "{\"events\":[]}");
    assert_int_equal(slip_commands_error(commands, NULL), SLIP_OK);
    slip_commands_free(commands);
    slip_commands_free(NULL);
}

static void test_the_broker_understands_an_answer(void **state)
{
    struct slip_commands *commands = slip_commands_new();
    const struct slip_field headers[] = {{"Set-Cookie", "a=b"}, {"X-Y", " z "}};
    const struct slip_accept_options accept = {
        .subprotocol = "chat", .headers = headers, .header_count = 2};
    const struct slip_refuse_options refuse = {
        .status = 401, .body = "who are you?", .headers = headers, .header_count = 1};
    struct command_list list;

    (void)state;
    assert_int_equal(slip_accept(commands, "c", &accept), SLIP_OK);
    assert_int_equal(slip_refuse(commands, "d", &refuse), SLIP_OK);
    assert_int_equal(slip_subscribe(commands, "c", "ä \"b\""), SLIP_OK);
    assert_int_equal(slip_unsubscribe(commands, "c", "x"), SLIP_OK);
    assert_int_equal(slip_send_text(commands, "c", "a\0\n", 3), SLIP_OK);
    assert_int_equal(slip_send_binary(commands, "c", "\xff\0", 2), SLIP_OK);
    assert_int_equal(slip_set_metadata(commands, "c", "{\"a\": [1]}"), SLIP_OK);
    assert_int_equal(slip_publish_text(commands, "x", "hello", SLIP_TEXT), SLIP_OK);
    assert_int_equal(slip_publish_binary(commands, "x", "", 0), SLIP_OK);
    assert_int_equal(slip_close(commands, "c", 4001, "bye"), SLIP_OK);
    assert_int_equal(slip_close_channel(commands, "x", 0, NULL), SLIP_OK);
    assert_understood(commands, COMMAND_IN_ANSWER, &list);
    assert_span(list.commands[0].subprotocol, "chat");
    assert_int_equal(list.commands[0].header_count, 2);
    assert_span(list.commands[0].headers[1].value, "z");
    assert_int_equal(list.commands[1].status, 401);
    assert_span(list.commands[1].body, "who are you?");
    assert_span(list.commands[2].channel, "ä \"b\"");
    assert_int_equal(list.commands[3].type, COMMAND_UNSUBSCRIBE);
    assert_int_equal(list.commands[4].data.length, 3);
    assert_memory_equal(list.commands[5].data.data, "\xff\0", 2);
    assert_span(list.commands[6].metadata, "{\"a\": [1]}");
    assert_span(list.commands[7].data, "hello");
    assert_int_equal(list.commands[8].type, COMMAND_PUBLISH_BINARY);
    assert_int_equal(list.commands[9].code, 4001);
    assert_span(list.commands[9].reason, "bye");
    assert_int_equal(list.commands[10].code, 1000);
    command_list_fini(&list);
    slip_commands_clear(commands);
    assert_int_equal(slip_poll_for_connection(commands, "c", 500), SLIP_OK);
    assert_understood(commands, COMMAND_IN_CONTROL, &list);
    assert_int_equal(list.commands[0].timeout_ms, 500);
    command_list_fini(&list);
    slip_commands_free(commands);
}

enum { LONG = 5000 };
static char long_text[LONG + 1];

/* So many arrays in one another, until the next call. */
static const char *nested(size_t levels)
{
    static char text[2 * 100 + 1];

    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    text[2 * levels] = '\0';
    return text;
}

static enum slip_result wrong(struct slip_commands *commands, int which)
{
    struct slip_field field = {"X", "y"};
    struct slip_accept_options accept = {.headers = &field, .header_count = 1};
    struct slip_refuse_options refuse = {.status = 200};

    switch (which) {
    case 0:
        return slip_send_text(commands, "c", "\xff", 1);
    case 1:
        return slip_send_text(commands, "", "x", 1);
    case 2:
        return slip_send_text(commands, NULL, "x", 1);
    case 3:
        return slip_send_text(commands, long_text, "x", 1);
    case 4:
        return slip_subscribe(commands, "c", "");
    case 5:
        return slip_subscribe(commands, "c", "a\nb");
    case 6:
        return slip_publish_text(commands, long_text, "x", 1);
    case 7:
        return slip_close(commands, "c", 1005, NULL);
    case 8:
        return slip_close(commands, "c", 1000, long_text);
    case 9:
        return slip_set_metadata(commands, "c", "{");
    case 10:
        return slip_set_metadata(commands, "c", NULL);
    case 11:
        field.value = "a\r\nb: c";
        return slip_accept(commands, "c", &accept);
    case 12:
        field.name = "Connection";
        return slip_accept(commands, "c", &accept);
    case 13:
        accept.header_count = 65;
        return slip_accept(commands, "c", &accept);
    case 14:
        return slip_accept(commands, "c", &(struct slip_accept_options){.subprotocol = "a b"});
    case 15:
        return slip_refuse(commands, "c", &refuse);
    case 16:
        return slip_poll_for_connection(commands, "c", -1);
    case 17:
        return slip_set_metadata(commands, "c", nested(62));
    case 18:
        field.value = long_text;
        return slip_accept(commands, "c", &accept);
    default:
        return SLIP_OK;
    }
}

static void test_what_can_be_no_command(void **state)
{
    struct slip_commands *commands = slip_commands_new();
    size_t length;
    int which = 0;

    (void)state;
    memset(long_text, 'x', LONG);
    for (; slip_send_text(commands, "c", "before", SLIP_TEXT) == SLIP_OK; which++) {
        struct slip_error error = {.result = SLIP_OK};
        if (wrong(commands, which) == SLIP_OK)
            break;
        assert_int_equal(slip_commands_count(commands), 1);
        assert_int_equal(slip_commands_error(commands, &error), SLIP_INVALID);
        assert_true(strncmp(error.message, "command 1: ", 11) == 0);
        assert_int_equal(slip_publish_text(commands, "x", "after", SLIP_TEXT), SLIP_INVALID);
        assert_null(slip_commands_body(commands, &length));
        slip_commands_clear(commands);
    }
    assert_int_equal(which, 19);
    assert_int_equal(slip_set_metadata(commands, "c", nested(61)), SLIP_OK);
    slip_commands_clear(commands);
    slip_send_text(commands, "c", "before", SLIP_TEXT);
    assert_body(commands,
                "{\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c\",\"data\":\"before\"}]}");
    slip_commands_free(commands);
}

static void test_tokens(void **state)
{
    const char *const secrets[] = {"new", "old"};
    struct slip_verifier *verifier = slip_verifier_new(secrets, 2);
    struct slip_error error;

    (void)state;
    for (int i = 0; i < 2; i++) {
        char *token = slip_token_new(secrets[i], SLIP_AUDIENCE_EVENT, 60);
        char header[512] = "Bearer ";
        strncat(header, token, sizeof header - 8);
        assert_int_equal(slip_verifier_check(verifier, header, NULL), SLIP_OK);
        header[strlen(header) - 2] ^= 1;
        assert_int_equal(slip_verifier_check(verifier, header, &error), SLIP_DENIED);
        free(token);
    }
    assert_int_equal(slip_verifier_check(verifier, NULL, &error), SLIP_DENIED);
    assert_string_equal(error.message, "no bearer token in Authorization");
    assert_null(slip_token_new("", SLIP_AUDIENCE_EVENT, 60));
    assert_null(slip_token_new("x", SLIP_AUDIENCE_EVENT, 0));
    assert_null(slip_verifier_new(secrets, 0));
    assert_null(slip_verifier_new((const char *const[]){""}, 1));
    slip_verifier_free(verifier);
    slip_verifier_free(NULL);
}

static void test_publisher_options(void **state)
{
    static const struct slip_publisher_options wrong_ones[] = {
        {.jwt_secret = "s"},
        {.control_api = "ftp://x", .jwt_secret = "s"},
        {.control_api = "http://x"},
        {.control_api = "http://x", .jwt_secret = ""},
        {.control_api = "http://x", .jwt_secret = "s", .token = "t"},
        {.control_api = "http://x", .token = "t\r\nX: y"},
        {.control_api = "http://x", .jwt_secret = "s", .timeout_ms = -1},
        {.control_api = "http://x", .jwt_secret = "s", .attempts = 101},
    };
    struct slip_publisher *publisher = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof wrong_ones / sizeof wrong_ones[0]; i++)
        assert_int_equal(slip_publisher_new(&wrong_ones[i], &publisher, NULL), SLIP_INVALID);
    assert_null(publisher);
    assert_int_equal(slip_publisher_new(&(struct slip_publisher_options){.control_api = "http://x",
                                                                         .jwt_secret = "s"},
                                        &publisher, NULL),
                     SLIP_OK);
    slip_publisher_free(publisher);
    slip_publisher_free(NULL);
}

static void test_paths(void **state)
{
    const char *const texts[] = {"a/b ä", "x.-_~"};
    char *path = slip_path_new("/v1/{}/y/{}/{}", texts, 2);

    (void)state;
    assert_string_equal(path, "/v1/a%2Fb%20%C3%A4/y/x.-_~/{}");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_the_broker_understands_an_answer),
        cmocka_unit_test(test_what_can_be_no_command),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_publisher_options),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
