#include "clients/c/slip.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct slip_request *parse(const char *body)
{
    struct slip_request *request = NULL;
    struct slip_error error = {.message = ""};

    if (slip_request_parse(body, strlen(body), &request, &error) != SLIP_OK)
        fail_msg("%s: %s", body, error.message);
    return request;
}

static void assert_string(struct slip_string actual, const char *expected)
{
    assert_span(span_of(actual.data, actual.length), expected);
    assert_int_equal(actual.data[actual.length], '\0');
}

static void test_open(void **state)
{
    struct slip_request *request =
        parse("{\"connectionId\":\"c1\",\"metadata\":{\"ip\":\"192.0.2.1\"},\"events\":[{\"type\":"
              "\"OPEN\","
              "\"connectionId\":\"c1\",\"headers\":{\"cookie\":\"a=\\\"b\\\"\",\"host\":\"h\"},"
              "\"ip\":\"192.0.2.1\",\"path\":\"/"
              "p\",\"query\":\"q=1\",\"subprotocols\":[\"a\",\"b\",\"c\"],"
              "\"later\":[1,{}]}]}");
    const struct slip_connection *connection = slip_request_connection(request, 0);
    const struct slip_event *event = &connection->events[0];

    (void)state;
    assert_int_equal(slip_request_connection_count(request), 1);
    assert_null(slip_request_connection(request, 1));
    assert_string(connection->id, "c1");
    assert_string(connection->metadata, "{\"ip\":\"192.0.2.1\"}");
    assert_string(connection->idempotency_key, "");
    assert_int_equal(connection->event_count, 1);
    assert_int_equal(event->type, SLIP_OPEN);
    assert_int_equal(event->header_count, 2);
    assert_string(*slip_event_header(event, "Cookie"), "a=\"b\"");
    assert_null(slip_event_header(event, "origin"));
    assert_string(event->ip, "192.0.2.1");
    assert_string(event->path, "/p");
    assert_string(event->query, "q=1");
    assert_int_equal(event->subprotocol_count, 3);
    assert_string(event->subprotocols[2], "c");
    slip_request_free(request);
}

static void test_messages_and_close(void **state)
{
    struct slip_request *request =
        parse("{\"events\":[{\"data\":\"a\\u0000\\ud83d\\ude00\",\"type\":\"TEXT\","
              "\"connectionId\":\"c\"},"
              "{\"type\":\"BINARY\",\"connectionId\":\"c\",\"data\":\"AAEC/w==\"},"
              "{\"type\":\"BINARY\",\"connectionId\":\"c\",\"data\":\"\"},"
              "{\"type\":\"CLOSE\",\"connectionId\":\"c\",\"code\":1001,\"reason\":\"bye\"},"
              "{\"type\":\"CLOSE\",\"connectionId\":\"c\"}],\"connectionId\":\"c\"}");
    const struct slip_connection *connection = slip_request_connection(request, 0);

    (void)state;
    assert_int_equal(connection->event_count, 5);
    assert_int_equal(connection->events[0].type, SLIP_TEXT_MESSAGE);
    assert_int_equal(connection->events[0].data.length, 6);
    assert_memory_equal(connection->events[0].data.data, "a\0\xf0\x9f\x98\x80", 7);
    assert_int_equal(connection->events[1].type, SLIP_BINARY_MESSAGE);
    assert_int_equal(connection->events[1].data.length, 4);
    assert_memory_equal(connection->events[1].data.data, "\0\1\2\xff", 5);
    assert_string(connection->events[2].data, "");
    assert_int_equal(connection->events[3].code, 1001);
    assert_string(connection->events[3].reason, "bye");
    assert_int_equal(connection->events[4].code, 1005);
    assert_string(connection->metadata, "null");
    slip_request_free(request);
}

static void test_batch(void **state)
{
    struct slip_request *request = parse(
        "{\"batch\":[{\"connectionId\":\"a\",\"metadata\":1,\"idempotencyKey\":\"a:1-1\","
        "\"events\":"
        "[{\"type\":\"TEXT\",\"connectionId\":\"a\",\"data\":\"x\"}]},{\"connectionId\":\"b\","
        "\"metadata\":null,\"idempotencyKey\":\"b:close\",\"events\":[{\"type\":\"CLOSE\","
        "\"connectionId\":\"b\"}]}]}");

    (void)state;
    assert_int_equal(slip_request_connection_count(request), 2);
    assert_string(slip_request_connection(request, 0)->id, "a");
    assert_string(slip_request_connection(request, 0)->metadata, "1");
    assert_string(slip_request_connection(request, 1)->idempotency_key, "b:close");
    assert_int_equal(slip_request_connection(request, 1)->events[0].type, SLIP_CLOSE);
    slip_request_free(request);
}

static void test_what_is_no_request(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"connectionId\":\"c\"}",
        "{\"connectionId\":\"c\",\"events\":[]}",
        "{\"batch\":[]}",
        "{\"batch\":[{}]}",
        "{\"batch\":{}}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"JUMP\",\"connectionId\":\"c\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"connectionId\":\"c\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"OPEN\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c\",\"data\":1}]"
        "}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c\",\"data\":"
        "\"\\ud800\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"BINARY\",\"connectionId\":\"c\",\"data\":"
        "\"!\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"c\",\"code\":"
        "70000}]}",
        "{\"connectionId\":7,\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"c\"}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"OPEN\",\"connectionId\":\"c\",\"headers\":"
        "[]}]}",
        "{\"connectionId\":\"c\",\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"c\"}]} x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct slip_request *request = NULL;
        struct slip_error error = {.result = SLIP_OK};
        if (slip_request_parse(bodies[i], strlen(bodies[i]), &request, &error) != SLIP_INVALID)
            fail_msg("taken: %s", bodies[i]);
        assert_null(request);
        assert_int_equal(error.result, SLIP_INVALID);
        assert_true(strncmp(error.message, "the body at byte ", 17) == 0);
        assert_int_equal(slip_request_parse(bodies[i], strlen(bodies[i]), &request, NULL),
                         SLIP_INVALID);
    }
}

/* Every cut of a body is refused, and nothing is read beyond it. */
static void test_cut_short(void **state)
{
    static const char whole[] =
        "{\"batch\":[{\"connectionId\":\"a\",\"metadata\":{\"x\":[1]},\"events\":[{\"type\":"
        "\"OPEN\","
        "\"connectionId\":\"a\",\"headers\":{\"h\":\"\\u00e4\"},\"subprotocols\":[\"s\"]}]}]}";

    (void)state;
    for (size_t length = 0; length + 1 < sizeof whole; length++) {
        char *cut = malloc(length + 1);
        struct slip_request *request = NULL;
        memcpy(cut, whole, length);
        assert_int_equal(slip_request_parse(cut, length, &request, NULL), SLIP_INVALID);
        free(cut);
    }
    slip_request_free(parse(whole));
    slip_request_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),      cmocka_unit_test(test_messages_and_close),
        cmocka_unit_test(test_batch),     cmocka_unit_test(test_what_is_no_request),
        cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
