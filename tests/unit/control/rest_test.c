/* What REST says of a request by its head, and how it counts bodies. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "tests/unit/control/ring.h"
#include "tests/unit/unit.h"

/* Of RING's limit of 1 MB. */
enum { BODY_BYTES = 20000, MANY = 60 };

static int set_up(void **state)
{
    struct ring *ring = xcalloc(1, sizeof *ring);
    ring_init(ring);
    ring_warm(ring);
    *state = ring;
    return 0;
}

static int tear_down(void **state)
{
    ring_fini(*state);
    free(*state);
    return 0;
}

static void expect(struct ring *ring, struct ring_call *call, unsigned int status, const char *text)
{
    ring_until(ring, ring_call_is_answered(call));
    if (call->status != status || !ring_call_find(call, text))
        fail_msg("expected %u and '%s', got:\n%s", status, text, call->answer.data);
    ring_call_fini(call);
}

static void ask(struct ring *ring, const char *method, const char *path, const char *body,
                unsigned int status, const char *text)
{
    struct ring_call call;
    ring_call_allowed(ring, &call, method, path, NULL, body);
    expect(ring, &call, status, text);
}

static void a_body_counts_while_it_comes(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;
    char *token = ring_token(60);

    ring_call_slowly(ring, &call, token, BODY_BYTES);
    ring_until(ring, ring->control->rest.arriving_bytes > 0);
    assert_int_equal(rest_in_flight_bytes(&ring->control->rest), BODY_BYTES);
    ring_call_fini(&call);
    ring_until(ring, ring->control->rest.call_count == 0);
    assert_int_equal(rest_in_flight_bytes(&ring->control->rest), 0);
    free(token);
}

static void too_much_on_its_way_is_refused_by_its_head(void **state)
{
    struct ring *ring = *state;
    struct ring_call calls[MANY];
    static char body[BODY_BYTES + 1];
    char *token = ring_token(60);

    for (size_t i = 0; i < MANY; i++)
        ring_call_slowly(ring, &calls[i], token, BODY_BYTES);
    ring_until(ring, ring->control->rest.arriving_bytes > (1 << 20) - BODY_BYTES);
    memset(body, ' ', BODY_BYTES);
    ask(ring, "POST", "/", body, 503, "Retry-After: 1");
    ask(ring, "POST", "/v1/channels/x/messages", body, 503, "/problems/overloaded");
    for (size_t i = 0; i < MANY; i++)
        ring_call_fini(&calls[i]);
    ring_until(ring, ring->control->rest.call_count == 0);
    assert_int_equal(ring->control->rest.arriving_bytes, 0);
    free(token);
}

static void nothing_is_kept_of_whoever_has_no_token(void **state)
{
    struct ring *ring = *state;
    struct ring_call slow, call;
    static char body[BODY_BYTES + 1];

    ring_call_slowly(ring, &slow, "x.y.z", BODY_BYTES);
    memset(body, ' ', BODY_BYTES);
    ring_call(ring, &call, "POST", "/", NULL, body);
    expect(ring, &call, 403, "\r\n\r\nInvalid token");
    assert_int_equal(ring->control->rest.arriving_bytes, 0);
    assert_int_equal(ring->control->rest.call_count, 0);
    ring_call(ring, &call, "GET", "/v1/openapi.json", NULL, body); /* nor of who needs none */
    expect(ring, &call, 200, "openapi");
    ring_call_fini(&slow);
}

static void a_refused_token_is_told_why(void **state)
{
    struct ring *ring = *state;
    struct ring_call call;
    struct buffer header = {0};
    char *expired = ring_token(-3600);

    ring_call(ring, &call, "POST", "/", NULL, NULL);
    expect(ring, &call, 403, "error_description=\"no bearer token in Authorization\"");
    buffer_append_format(&header, "Authorization: Bearer %s\r\n%c", expired, '\0');
    ring_call(ring, &call, "POST", "/", header.data, NULL);
    expect(ring, &call, 403,
           "WWW-Authenticate: Bearer error=\"invalid_token\", "
           "error_description=\"the token has expired, or has no expiry\"\r\n");
    ring_call(ring, &call, "GET", "/v1/status", header.data, NULL);
    expect(ring, &call, 403, "\"detail\":\"the token has expired, or has no expiry\"");
    buffer_fini(&header);
    free(expired);
}

static void refused_commands_say_where(void **state)
{
    struct ring *ring = *state;

    ask(ring, "POST", "/", "{\"events\":[{\"type\":\"NEWS\"}]}", 400,
        "Problem-Detail: events[0].type is unknown (byte 19)\r\n");
    ask(ring, "POST", "/", "{\"events\":[{\"type\":\"PUBLISH_TEXT\",\"channel\":\"x\"}]}", 400,
        "Problem-Detail: events[0].channelId is missing");
    ask(ring, "POST", "/", "{", 400, "\r\n\r\n{\"message\":\"invalid commands\"}");
}

static void an_unknown_parameter_is_no_filter(void **state)
{
    struct ring *ring = *state;

    ask(ring, "GET", "/v1/connections?chanel=x", NULL, 400,
        "there is no parameter \\\"chanel\\\" here; known: channel, edge, state, limit, cursor");
    ask(ring, "GET", "/v1/connections?limit=1&%22%00=x", NULL, 400, "/problems/invalid-parameter");
    ask(ring, "GET", "/v1/status?x", NULL, 400, "known: none");
    ask(ring, "POST", "/v1/channels/x/messages?data=hello", "{\"data\":\"x\"}", 400, "known: none");
    ask(ring, "GET", "/v1/channels?limit=0", NULL, 400, "limit is not a number");
}

static void what_is_too_long_is_told_its_limit(void **state)
{
    struct ring *ring = *state;
    static char body[BODY_BYTES + 2];

    memset(body, ' ', BODY_BYTES + 1);
    ask(ring, "POST", "/", body, 413, "\"detail\":\"at most 20000 bytes, CONTROL_BODY_LIMIT\"");
    memset(body, 'x', 300);
    body[300] = '\0';
    struct buffer text = {0};
    buffer_append_format(&text, "/v1/channels/%s/messages%c", body, '\0');
    ask(ring, "GET", text.data, NULL, 400,
        "\"channel is too long: at most 256 bytes, CHANNEL_NAME_LIMIT\"");
    ask(ring, "POST", text.data, "{\"data\":\"x\"}", 400,
        "\"channel is too long: at most 256 bytes, CHANNEL_NAME_LIMIT\"");
    buffer_clear(&text);
    buffer_append_format(&text, "{\"code\":1000,\"reason\":\"%s\"}%c", body, '\0');
    ask(ring, "POST", "/v1/channels/x/close", text.data, 400,
        "\"reason is too long: at most 123 bytes (byte");
    buffer_fini(&text);
    ask(ring, "POST", "/v1/channels/x/close", "{\"code\":1006}", 400,
        "code is no close code that may be sent: 1000-1003, 1007-1014, 3000-4999");
    ask(ring, "GET", "/v1/channels?limit=5000", NULL, 400, "at most 1000, PAGE_LIMIT");
}

static void head_is_allowed_where_get_is(void **state)
{
    struct ring *ring = *state;

    ask(ring, "DELETE", "/v1/status", NULL, 405, "Allow: GET, HEAD\r\n");
    ask(ring, "DELETE", "/v1/channels/x/messages", NULL, 405, "Allow: GET, HEAD, POST\r\n");
}

#define POLL_FOR_LONG                                                                    \
    "{\"events\":[{\"type\":\"POLL_FOR_CONNECTION\",\"timeout\":60000,\"connectionId\":" \
    "\"edge-0000a0123456789abcdef\"}]}"

/* A head that does not end, and bodies that do not come, of who may call and of who may not. */
static void a_drain_does_not_wait_for_who_says_nothing(void **state)
{
    struct ring *ring = *state;
    struct ring_call silent[3], polling;
    char *token = ring_token(60);

    ring_call_raw(ring, &silent[0], "GET /v1/openapi.json HTTP/1.1\r\nHost: t");
    ring_call_slowly(ring, &silent[1], "x.y.z", BODY_BYTES);
    ring_call_slowly(ring, &silent[2], token, BODY_BYTES);
    ring_call_allowed(ring, &polling, "POST", "/", NULL, POLL_FOR_LONG);
    ring_until(ring, ring->edges[0].count == 1 && ring->control->rest.arriving_bytes > 0);
    int64_t began_ms = clock_monotonic_ms();
    control_drain(ring->control);
    expect(ring, &polling, 503, "\r\n\r\n");
    ring_until(ring, ring_stopped_calls > 0);
    assert_true(clock_monotonic_ms() - began_ms < control_drain_limit_ms(&ring->config));
    assert_int_equal(ring->control->rest.call_count, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(silent); i++)
        ring_call_fini(&silent[i]);
    free(token);
}

/* Nothing more has come for a while: our socket is full, and then control's. */
static void wait_until_full(struct ring *ring, int fd)
{
    int filled = 0, before;
    do {
        before = filled;
        for (int64_t end_ms = clock_monotonic_ms() + 300; clock_monotonic_ms() < end_ms;)
            loop_turn(ring->loop, 20);
        assert_int_equal(ioctl(fd, FIONREAD, &filled), 0);
    } while (filled != before);
}

/* Asks for more than the sockets between us hold. */
static void a_drain_does_not_wait_for_who_reads_nothing(void **state)
{
    struct ring *ring = *state;
    struct ring_call deaf;
    struct buffer text = {0};

    for (size_t i = 0; i < 400; i++)
        buffer_append_text(&text, "GET /v1/openapi.json HTTP/1.1\r\nHost: t\r\n\r\n");
    buffer_append_byte(&text, '\0');
    ring_call_raw(ring, &deaf, text.data);
    wait_until_full(ring, deaf.fd);
    int64_t began_ms = clock_monotonic_ms();
    control_drain(ring->control);
    ring_until(ring, ring_stopped_calls > 0);
    assert_true(clock_monotonic_ms() - began_ms < control_drain_limit_ms(&ring->config));
    ring_call_fini(&deaf);
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_body_counts_while_it_comes),
        TEST(too_much_on_its_way_is_refused_by_its_head),
        TEST(nothing_is_kept_of_whoever_has_no_token),
        TEST(a_refused_token_is_told_why),
        TEST(refused_commands_say_where),
        TEST(an_unknown_parameter_is_no_filter),
        TEST(what_is_too_long_is_told_its_limit),
        TEST(head_is_allowed_where_get_is),
        TEST(a_drain_does_not_wait_for_who_says_nothing),
        TEST(a_drain_does_not_wait_for_who_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
