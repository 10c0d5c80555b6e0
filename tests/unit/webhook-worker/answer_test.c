#include "webhook-worker/answer.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

static const struct command_limits limits = COMMAND_LIMITS_DEFAULT;

/* A job of one or two connections, and what was decoded from the messages that it made. */
struct world {
    struct job job;
    struct job_item items[2];
    struct wire_decoder decoder;
    struct wire_message commands;
    struct wire_message done;
};

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->items[0] = (struct job_item){.connection = span_text("c1"), .first = 4};
    world->items[1] = (struct job_item){.connection = span_text("c2"), .first = 0};
    world->job.items = world->items;
    world->job.item_count = 1;
    world->job.number = 77;
    world->job.reference = 88;
    wire_decoder_init(&world->decoder);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    wire_decoder_fini(&world->decoder);
    buffer_fini(&world->job.commands);
    buffer_fini(&world->job.done);
    free(world);
    return 0;
}

static void decode(struct world *world, const struct buffer *from, enum message_id id,
                   struct wire_message *ret_message)
{
    struct span rest = buffer_span(from);
    assert_int_equal(wire_decode_next(&world->decoder, &rest, ret_message), 0);
    assert_int_equal(ret_message->id, id);
    assert_int_equal(rest.length, 0);
}

static void encode(struct world *world, const char *body)
{
    struct contract_error why;
    buffer_clear(&world->job.commands);
    buffer_clear(&world->job.done);
    assert_int_equal(answer_encode(&world->job, span_text(body), 200, &limits, &why), 0);
    wire_decoder_reset(&world->decoder);
    decode(world, &world->job.done, MESSAGE_DONE, &world->done);
    assert_int_equal(world->done.as.done.job, 77);
    assert_int_equal(world->done.as.done.outcome, JOB_DELIVERED);
    assert_int_equal(world->done.as.done.status, 200);
    assert_int_equal(world->done.as.done.items.count, world->job.item_count);
    if (world->job.commands.length > 0)
        decode(world, &world->job.commands, MESSAGE_COMMANDS, &world->commands);
}

static const struct record_command_body *command(const struct world *world, size_t index)
{
    assert_true(index < world->commands.as.commands.commands.count);
    assert_int_equal(world->commands.as.commands.commands.items[index].index, index);
    return &world->commands.as.commands.commands.items[index];
}

static void test_no_commands(void **state)
{
    struct world *world = *state;
    const char *const bodies[] = {"", "{\"events\":[]}"};
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        encode(world, bodies[i]);
        assert_int_equal(world->job.commands.length, 0);
        assert_span(world->done.as.done.items.items[0].connection, "c1");
        assert_int_equal(world->done.as.done.items.items[0].first, 4);
        assert_int_equal(world->done.as.done.items.items[0].verdict, OPEN_VERDICT_NONE);
        assert_int_equal(world->done.as.done.items.items[0].metadata_set, 0);
    }
}

static void test_every_command(void **state)
{
    struct world *world = *state;
    world->items[0].is_opening = true;
    encode(world,
           "{\"events\":["
           "{\"type\":\"ACCEPT\",\"connectionId\":\"c1\",\"subprotocol\":\"chat\","
           "\"headers\":{\"x-a\":\"1\",\"x-b\":\"2\"}},"
           "{\"type\":\"SUBSCRIBE\",\"connectionId\":\"c1\",\"channel\":\"room\"},"
           "{\"type\":\"UNSUBSCRIBE\",\"connectionId\":\"c9\",\"channel\":\"hall\"},"
           "{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"h\\u00e9\"},"
           "{\"type\":\"BINARY\",\"connectionId\":\"c1\",\"data\":\"AAE=\"},"
           "{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"room\",\"data\":\"all\"},"
           "{\"type\":\"PUBLISH_BINARY\",\"channelId\":\"room\",\"data\":\"AA==\"},"
           "{\"type\":\"CLOSE_CHANNEL\",\"channelId\":\"hall\",\"code\":4000,\"reason\":\"x\"},"
           "{\"type\":\"SET_METADATA\",\"connectionId\":\"c1\",\"metadata\":{\"a\":1}},"
           "{\"type\":\"CLOSE\",\"connectionId\":\"c1\",\"code\":4001,\"reason\":\"bye\"}]}");
    const struct message_commands *all = &world->commands.as.commands;
    assert_int_equal(all->reference, 88);
    assert_span(all->origin, "c1");
    assert_int_equal(all->origin_first, 4);
    assert_int_equal(all->commands.count, 10);

    const struct record_command_body *body = command(world, 0);
    assert_int_equal(body->type, COMMAND_ACCEPT);
    assert_span(body->target, "c1");
    assert_span(body->subprotocol, "chat");
    assert_int_equal(body->headers.count, 2);
    assert_span(body->headers.items[0].name, "x-a");
    assert_span(body->headers.items[1].value, "2");
    body = command(world, 1);
    assert_int_equal(body->type, COMMAND_SUBSCRIBE);
    assert_span(body->target, "c1");
    assert_span(body->channel, "room");
    assert_int_equal(body->headers.count, 0);
    body = command(world, 2);
    assert_int_equal(body->type, COMMAND_UNSUBSCRIBE);
    assert_span(body->target, "c9");
    assert_span(body->channel, "hall");
    assert_span(command(world, 3)->data, "h\xc3\xa9");
    assert_int_equal(command(world, 4)->data.length, 2);
    body = command(world, 5);
    assert_int_equal(body->type, COMMAND_PUBLISH_TEXT);
    assert_span(body->target, "room");
    assert_span(body->channel, "");
    assert_span(body->data, "all");
    assert_int_equal(command(world, 6)->data.length, 1);
    body = command(world, 7);
    assert_span(body->target, "hall");
    assert_span(body->data, "x");
    assert_int_equal(body->code, 4000);
    assert_span(command(world, 8)->data, "{\"a\":1}");
    body = command(world, 9);
    assert_int_equal(body->type, COMMAND_CLOSE);
    assert_int_equal(body->code, 4001);
    assert_span(body->data, "bye");

    assert_int_equal(world->done.as.done.items.items[0].verdict, OPEN_VERDICT_ACCEPTED);
    assert_int_equal(world->done.as.done.items.items[0].metadata_set, 1);
    assert_span(world->done.as.done.items.items[0].metadata, "{\"a\":1}");
}

static void test_refusals(void **state)
{
    struct world *world = *state;
    world->items[0].is_opening = true;
    const struct {
        const char *body;
        unsigned status;
        const char *text;
    } cases[] = {
        {"", 403, ""},
        {"{\"events\":[]}", 403, ""},
        {"{\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"c1\",\"status\":401,"
         "\"body\":\"log in\"}]}",
         401, "log in"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        encode(world, cases[i].body);
        assert_int_equal(world->commands.as.commands.commands.count, 1);
        assert_int_equal(command(world, 0)->type, COMMAND_CLOSE);
        assert_span(command(world, 0)->target, "c1");
        assert_int_equal(command(world, 0)->status, cases[i].status);
        assert_span(command(world, 0)->body, cases[i].text);
        assert_int_equal(world->done.as.done.items.items[0].verdict, OPEN_VERDICT_REFUSED);
    }
}

static void test_group(void **state)
{
    struct world *world = *state;
    world->job.item_count = 2;
    world->items[0].is_opening = world->items[1].is_opening = true;
    encode(world, "{\"events\":[{\"type\":\"ACCEPT\",\"connectionId\":\"c2\"},"
                  "{\"type\":\"SET_METADATA\",\"connectionId\":\"c2\",\"metadata\":null}]}");
    const struct record_done_item *items = world->done.as.done.items.items;
    assert_int_equal(items[0].verdict, OPEN_VERDICT_REFUSED);
    assert_int_equal(items[0].metadata_set, 0);
    assert_int_equal(items[1].verdict, OPEN_VERDICT_ACCEPTED);
    assert_int_equal(items[1].metadata_set, 1);
    assert_span(items[1].metadata, "null");
    assert_span(items[1].connection, "c2");
    assert_int_equal(world->commands.as.commands.commands.count, 3);
}

/* A replayed dead letter: the router says under what name its commands are known. */
static void test_named_origin(void **state)
{
    struct world *world = *state;
    const char *body = "{\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"x\"}]}";
    encode(world, body);
    assert_span(world->commands.as.commands.origin, "c1");
    assert_int_equal(world->commands.as.commands.origin_first, 4);
    world->job.origin = span_text("dead-letter:9");
    encode(world, body);
    assert_span(world->commands.as.commands.origin, "dead-letter:9");
    assert_int_equal(world->commands.as.commands.origin_first, 4);
}

/* The same group again is the same origin; another one that begins alike is not. */
static void test_group_origin(void **state)
{
    struct world *world = *state;
    const char *body =
        "{\"events\":[{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"c\",\"data\":\"x\"}]}";
    char first[64];
    world->job.item_count = 2;
    encode(world, body);
    struct span origin = world->commands.as.commands.origin;
    assert_int_equal(origin.length, 33);
    memcpy(first, origin.data, origin.length);
    encode(world, body);
    assert_memory_equal(world->commands.as.commands.origin.data, first, 33);
    world->items[1].last++;
    encode(world, body);
    assert_memory_not_equal(world->commands.as.commands.origin.data, first, 33);
    world->job.item_count = 1;
    encode(world, body);
    assert_span(world->commands.as.commands.origin, "c1");
}

static void test_invalid(void **state)
{
    struct world *world = *state;
    const char *const bodies[] = {
        " ",
        "no",
        "[]",
        "{}",
        "{\"events\":[{\"type\":\"DANCE\"}]}",
        "{\"events\":[{\"type\":\"TEXT\",\"connectionId\":\"c1\"}]}",
        /* No OPEN was asked about. */
        "{\"events\":[{\"type\":\"ACCEPT\",\"connectionId\":\"c1\"}]}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct contract_error why = {0};
        assert_int_equal(answer_encode(&world->job, span_text(bodies[i]), 200, &limits, &why),
                         -EINVAL);
        assert_non_null(why.reason);
        assert_int_equal(world->job.commands.length, 0);
        assert_int_equal(world->job.done.length, 0);
    }
}

static void test_compressed(void **state)
{
    struct world *world = *state;
    struct contract_error why = {0};
    struct span body = span_of("\x1f\x8b\x08\0\0", 5);
    assert_int_equal(answer_encode(&world->job, body, 200, &limits, &why), -EINVAL);
    assert_string_equal(why.reason, "is compressed, which was not asked for");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_no_commands), TEST(test_every_command), TEST(test_refusals),
        TEST(test_group),       TEST(test_group_origin),  TEST(test_named_origin),
        TEST(test_invalid),     TEST(test_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
