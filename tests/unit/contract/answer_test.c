#include "common/contract/answer.h"

#include "tests/unit/contract/parse.h"

static const struct command_limits limits = COMMAND_LIMITS_DEFAULT;

static struct command_list answer_of(const char *body)
{
    struct command_list list;
    struct contract_error error;

    assert_int_equal(command_list_parse(span_text(body), COMMAND_IN_ANSWER, &limits, &list, &error),
                     0);
    return list;
}

/* "ACCEPT a, TEXT b" … for a list: types and whom they name. */
static void assert_commands(const struct command_list *list, const char *expected)
{
    struct buffer text = {0};

    for (size_t i = 0; i < list->count; i++) {
        const struct command *command = &list->commands[i];
        struct span whom = command->connection.length > 0 ? command->connection : command->channel;
        buffer_append_format(&text, "%s%s%s %.*s", i > 0 ? ", " : "",
                             command->refuses ? "refusing " : "", command_type_name(command->type),
                             SPAN_ARGS(whom));
    }
    assert_span(buffer_span(&text), expected);
    buffer_fini(&text);
}

#define ACCEPT(id)      "{\"type\":\"ACCEPT\",\"connectionId\":\"" id "\"}"
#define CLOSE(id)       "{\"type\":\"CLOSE\",\"connectionId\":\"" id "\"}"
#define SAY(id)         "{\"type\":\"TEXT\",\"connectionId\":\"" id "\",\"data\":\"\"}"
#define PUBLISH(name)   "{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"" name "\",\"data\":\"\"}"
#define METADATA(id, m) "{\"type\":\"SET_METADATA\",\"connectionId\":\"" id "\",\"metadata\":" m "}"
#define EVENTS(list)    "{\"events\":[" list "]}"

static void test_one_opening(void **state)
{
    static const struct {
        const char *body;
        enum answer_outcome outcome;
        const char *commands;
    } cases[] = {
        {EVENTS(ACCEPT("a")), ANSWER_ACCEPTED, "ACCEPT a"},
        {EVENTS(ACCEPT("a") "," SAY("a") "," CLOSE("a")), ANSWER_ACCEPTED,
         "ACCEPT a, TEXT a, CLOSE a"},
        {EVENTS(ACCEPT("a") "," ACCEPT("a") "," SAY("a")), ANSWER_ACCEPTED, "ACCEPT a, TEXT a"},
        {EVENTS(PUBLISH("c") "," SAY("a") "," SAY("b") "," ACCEPT("a") "," CLOSE("a")),
         ANSWER_ACCEPTED, "PUBLISH_TEXT c, ACCEPT a, TEXT a, TEXT b, CLOSE a"},
        {EVENTS(CLOSE("a")), ANSWER_REFUSED, "refusing CLOSE a"},
        {EVENTS(SAY("b") "," SAY("a") "," CLOSE("a") "," PUBLISH("c")), ANSWER_REFUSED,
         "TEXT b, refusing CLOSE a, PUBLISH_TEXT c"},
        {EVENTS(CLOSE("a") "," ACCEPT("a") "," SAY("a")), ANSWER_REFUSED, "refusing CLOSE a"},
        {EVENTS(CLOSE("a") "," CLOSE("a")), ANSWER_REFUSED, "refusing CLOSE a"},
        {EVENTS(""), ANSWER_REFUSED, "refusing CLOSE a"},
        {EVENTS(SAY("a") "," METADATA("a", "1") "," SAY("b")), ANSWER_REFUSED,
         "TEXT b, refusing CLOSE a"},
        {EVENTS(CLOSE("b")), ANSWER_REFUSED, "CLOSE b, refusing CLOSE a"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct command_list list = answer_of(cases[i].body);
        struct answer_connection own = {.id = span_text("a"), .is_opening = true};
        struct contract_error error;
        assert_int_equal(answer_split(&list, &own, 1, &error), 0);
        assert_int_equal(own.outcome, cases[i].outcome);
        assert_commands(&list, cases[i].commands);
        assert_span(own.decision->connection, "a");
        assert_int_equal(own.decision->refuses, own.outcome == ANSWER_REFUSED);
        assert_int_equal(own.decision->type,
                         own.outcome == ANSWER_REFUSED ? COMMAND_CLOSE : COMMAND_ACCEPT);
        assert_false(own.has_metadata);
        command_list_fini(&list);
    }
}

static void test_refusal_in_detail(void **state)
{
    struct command_list list = answer_of(
        EVENTS("{\"type\":\"CLOSE\",\"connectionId\":\"a\",\"status\":401,\"body\":\"who?\","
               "\"headers\":{\"www-authenticate\":\"Basic\"}}"));
    struct answer_connection own = {.id = span_text("a"), .is_opening = true};
    struct contract_error error;

    (void)state;
    assert_int_equal(answer_split(&list, &own, 1, &error), 0);
    assert_int_equal(own.decision->status, 401);
    assert_span(own.decision->body, "who?");
    assert_int_equal(own.decision->header_count, 1);
    assert_span(own.decision->headers[0].value, "Basic");
    command_list_fini(&list);

    list = answer_of(EVENTS(""));
    assert_int_equal(answer_split(&list, &own, 1, &error), 0);
    assert_int_equal(own.decision->status, 403);
    assert_int_equal(own.decision->code, 1000);
    assert_int_equal(own.decision->header_count, 0);
    command_list_fini(&list);
}

static void test_open_already(void **state)
{
    struct command_list list = answer_of(EVENTS(SAY("a") "," CLOSE("a") "," CLOSE("b")));
    struct answer_connection own = {.id = span_text("a")};
    struct contract_error error;

    (void)state;
    assert_int_equal(answer_split(&list, &own, 1, &error), 0);
    assert_int_equal(own.outcome, ANSWER_NOTHING);
    assert_null(own.decision);
    assert_commands(&list, "TEXT a, CLOSE a, CLOSE b");
    command_list_fini(&list);
}

static void test_accept_without_open(void **state)
{
    static const char *const bodies[] = {EVENTS(SAY("a") "," ACCEPT("a")),
                                         EVENTS(SAY("a") "," ACCEPT("stranger"))};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct command_list list = answer_of(bodies[i]);
        struct answer_connection own = {.id = span_text("a")};
        struct contract_error error;
        assert_int_equal(answer_split(&list, &own, 1, &error), -EINVAL);
        assert_int_equal(error.index, 1);
        assert_string_equal(error.field, "connectionId");
        assert_string_equal(error.reason, "has no OPEN in this request");
        command_list_fini(&list);
    }
}

static void test_metadata(void **state)
{
    static const struct {
        const char *body;
        const char *metadata; /* NULL: not set */
    } cases[] = {
        {EVENTS(ACCEPT("a") "," METADATA("a", "{\"n\": 1}")), "{\"n\": 1}"},
        {EVENTS(METADATA("a", "1") "," METADATA("a", "null") "," ACCEPT("a")), "null"},
        {EVENTS(ACCEPT("a") "," METADATA("b", "1")), NULL},
        {EVENTS(ACCEPT("a") "," METADATA("a", "1") "," CLOSE("a") "," METADATA("a", "2")), "1"},
        {EVENTS(METADATA("a", "1") "," CLOSE("a")), NULL},
        {EVENTS(METADATA("a", "1")), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct command_list list = answer_of(cases[i].body);
        struct answer_connection own = {.id = span_text("a"), .is_opening = true};
        struct contract_error error;
        assert_int_equal(answer_split(&list, &own, 1, &error), 0);
        assert_int_equal(own.has_metadata, cases[i].metadata != NULL);
        assert_span(own.metadata, cases[i].metadata);
        command_list_fini(&list);
    }
}

static void test_several(void **state)
{
    struct command_list list =
        answer_of(EVENTS(SAY("d") "," ACCEPT("c") "," SAY("a") "," CLOSE("b") "," ACCEPT(
            "a") "," METADATA("d", "4") "," SAY("e") "," METADATA("c", "3") "," SAY("b")));
    struct answer_connection own[] = {
        {.id = span_text("a"), .is_opening = true}, {.id = span_text("b"), .is_opening = true},
        {.id = span_text("c"), .is_opening = true}, {.id = span_text("d")},
        {.id = span_text("f"), .is_opening = true},
    };
    struct contract_error error;

    (void)state;
    assert_int_equal(answer_split(&list, own, ARRAY_LENGTH(own), &error), 0);
    assert_commands(&list, "TEXT d, ACCEPT c, ACCEPT a, TEXT a, refusing CLOSE b, SET_METADATA d, "
                           "TEXT e, SET_METADATA c, refusing CLOSE f");
    assert_int_equal(own[0].outcome, ANSWER_ACCEPTED);
    assert_int_equal(own[1].outcome, ANSWER_REFUSED);
    assert_int_equal(own[2].outcome, ANSWER_ACCEPTED);
    assert_int_equal(own[3].outcome, ANSWER_NOTHING);
    assert_int_equal(own[4].outcome, ANSWER_REFUSED);
    assert_ptr_equal(own[2].decision, &list.commands[1]);
    assert_span(own[2].metadata, "3");
    assert_span(own[3].metadata, "4");
    assert_false(own[0].has_metadata);
    command_list_fini(&list);
}

static void test_none(void **state)
{
    struct command_list list = answer_of(EVENTS(SAY("a")));
    struct contract_error error;

    (void)state;
    assert_int_equal(answer_split(&list, NULL, 0, &error), 0);
    assert_commands(&list, "TEXT a");
    command_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_opening),  cmocka_unit_test(test_refusal_in_detail),
        cmocka_unit_test(test_open_already), cmocka_unit_test(test_accept_without_open),
        cmocka_unit_test(test_metadata),     cmocka_unit_test(test_several),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
