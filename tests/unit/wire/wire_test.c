/* Every message of the table, by functions that are made from the table. */
#include "common/wire/wire.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "common/wire/reader.h"
#include "tests/unit/unit.h"

/* ---- random messages, and comparing them ---- */

enum { RECORDS = 3, PAYLOAD_BYTES = 300 };

static char payload[PAYLOAD_BYTES];

static uint64_t random_number(uint64_t bound)
{
    switch (random_below(3)) {
    case 0:
        return bound;
    case 1:
        return random_below(bound < 300 ? bound + 1 : 300);
    default:
        return bound == UINT64_MAX ? random_nonzero_u64() : random_below(bound + 1);
    }
}

static struct span random_span(uint64_t bound)
{
    return span_of(payload,
                   (size_t)random_below(bound < PAYLOAD_BYTES ? bound + 1 : PAYLOAD_BYTES));
}

#define MAKE_U64(bound)                        random_number(bound)
#define MAKE_BYTES(bound)                      random_span(bound)
#define MAKE_FIELD(type, name, bound, meaning) message->name = MAKE_##type(bound);
#define MAKE_LIST(record, name, bound, meaning) \
    message->name = make_list_##record(random_below(RECORDS + 1) % ((bound) + 1));
#define SAME_U64(a, b)                         assert_int_equal(a, b);
#define SAME_BYTES(a, b)                       assert_true(span_equal(a, b));
#define SAME_FIELD(type, name, bound, meaning) SAME_##type(a->name, b->name)
#define SAME_LIST(record, name, bound, meaning)     \
    assert_int_equal(a->name.count, b->name.count); \
    for (size_t i = 0; i < a->name.count; i++)      \
        same_record_##record(&a->name.items[i], &b->name.items[i]);
#define FREE_FIELD(type, name, bound, meaning)
#define FREE_LIST(record, name, bound, meaning) free_list_##record(&message->name);

#define RECORD(name, fields)                                                                     \
    static struct record_##name##_list make_list_##name(size_t count)                            \
    {                                                                                            \
        struct record_##name *items = xcalloc(count, sizeof *items);                             \
        for (size_t i = 0; i < count; i++) {                                                     \
            struct record_##name *message = &items[i];                                           \
            fields(MAKE_FIELD, MAKE_LIST)                                                        \
        }                                                                                        \
        return (struct record_##name##_list){.items = items, .count = count};                    \
    }                                                                                            \
    static void free_list_##name(const struct record_##name##_list *list)                        \
    {                                                                                            \
        for (size_t i = 0; i < list->count; i++) {                                               \
            const struct record_##name *message = &list->items[i];                               \
            (void)message;                                                                       \
            fields(FREE_FIELD, FREE_LIST)                                                        \
        }                                                                                        \
        free((void *)(uintptr_t)list->items);                                                    \
    }                                                                                            \
    static void same_record_##name(const struct record_##name *a, const struct record_##name *b) \
    {                                                                                            \
        fields(SAME_FIELD, SAME_LIST)                                                            \
    }
#define MESSAGE(id, NAME, name, fields, purpose)                                            \
    static void make_##name(struct message_##name *message)                                 \
    {                                                                                       \
        fields(MAKE_FIELD, MAKE_LIST)                                                       \
    }                                                                                       \
    static void free_##name(const struct message_##name *message)                           \
    {                                                                                       \
        (void)message;                                                                      \
        fields(FREE_FIELD, FREE_LIST)                                                       \
    }                                                                                       \
    static void same_##name(const struct message_##name *a, const struct message_##name *b) \
    {                                                                                       \
        fields(SAME_FIELD, SAME_LIST)                                                       \
    }
#include "common/wire/messages.def"

static void make_message(enum message_id id, struct wire_message *message)
{
    *message = (struct wire_message){.id = id};
    switch (id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    case MESSAGE_##NAME:                         \
        make_##name(&message->as.name);          \
        return;
#include "common/wire/messages.def"
    }
}

static void free_message(const struct wire_message *message)
{
    switch (message->id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    case MESSAGE_##NAME:                         \
        free_##name(&message->as.name);          \
        return;
#include "common/wire/messages.def"
    }
}

static void assert_same(const struct wire_message *a, const struct wire_message *b)
{
    assert_int_equal(a->id, b->id);
    switch (a->id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    case MESSAGE_##NAME:                         \
        same_##name(&a->as.name, &b->as.name);   \
        return;
#include "common/wire/messages.def"
    }
}

static int decode_alone(struct span frame, struct wire_message *ret_message)
{
    struct wire_decoder decoder;
    wire_decoder_init(&decoder);
    int rc = wire_decode_next(&decoder, &frame, ret_message);
    wire_decoder_fini(&decoder);
    return rc;
}

/* ---- tests ---- */

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(message_name(MESSAGE_BATCH), "BATCH");
    assert_string_equal(message_name((enum message_id)9999), "UNKNOWN");
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        enum message_id id = message_at((enum message_index)i);
        assert_int_equal(message_index(id), i);
        assert_true((size_t)id < MESSAGE_ID_LIMIT);
        assert_string_not_equal(message_name(id), "UNKNOWN");
    }
    assert_int_equal(MESSAGE_ID_LIMIT, message_at(MESSAGE_COUNT - 1) + 1);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct wire_decoder decoder;
    wire_decoder_init(&decoder);
    struct buffer frame = {0};
    for (int round = 0; round < 200; round++) {
        struct wire_message sent[MESSAGE_COUNT];
        buffer_clear(&frame);
        for (size_t i = 0; i < MESSAGE_COUNT; i++) {
            make_message(message_at((enum message_index)i), &sent[i]);
            wire_put_message(&frame, &sent[i]);
        }
        wire_decoder_reset(&decoder);
        struct span rest = buffer_span(&frame);
        for (size_t i = 0; i < MESSAGE_COUNT; i++) {
            struct wire_message got;
            assert_int_equal(wire_decode_next(&decoder, &rest, &got), 0);
            assert_same(&sent[i], &got);
            free_message(&sent[i]);
        }
        assert_int_equal(rest.length, 0);
    }
    buffer_fini(&frame);
    wire_decoder_fini(&decoder);
}

static void test_truncated_everywhere(void **state)
{
    (void)state;
    struct buffer frame = {0};
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct wire_message message, got;
        make_message(message_at((enum message_index)i), &message);
        buffer_clear(&frame);
        wire_put_message(&frame, &message);
        for (size_t length = 0; length < frame.length; length++) {
            /* A copy of its own, so that a sanitizer sees one byte too many. */
            char *copy = xmalloc(length);
            memcpy(copy, frame.data, length);
            struct span rest = span_of(copy, length);
            assert_int_equal(decode_alone(rest, &got), -EBADMSG);
            free(copy);
        }
        free_message(&message);
    }
    buffer_fini(&frame);
}

/* The values of an encoded message, its id first; returns how many. */
static size_t split_values(struct span frame, struct span values[32])
{
    struct reader reader;
    reader_init(&reader, frame);
    size_t count = reader_array(&reader, 32);
    for (size_t i = 0; i < count; i++) {
        struct span before = reader_rest(&reader);
        reader_skip(&reader, 1);
        values[i] = span_of(before.data, before.length - reader_rest(&reader).length);
    }
    assert_false(reader.failed);
    return count;
}

static void put_array_head(struct buffer *buffer, size_t count)
{
    buffer_append_byte(buffer, (char)0xdc);
    buffer_append_byte(buffer, (char)(count >> 8));
    buffer_append_byte(buffer, (char)count);
}

static void test_wrong_types(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\xc0",
                                        "\xc3",
                                        "\xff",
                                        "\xd0\x01",
                                        "\xa1x",
                                        "\x81\x01\x02",
                                        "\xcb\x3f\xf0\x01\x01\x01\x01\x01\x01",
                                        "\xc1"};
    struct buffer frame = {0}, changed = {0};
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct wire_message message, got;
        struct span values[32];
        make_message(message_at((enum message_index)i), &message);
        buffer_clear(&frame);
        wire_put_message(&frame, &message);
        size_t count = split_values(buffer_span(&frame), values);
        for (size_t field = 0; field < count; field++) {
            for (size_t w = 0; w < ARRAY_LENGTH(wrong); w++) {
                buffer_clear(&changed);
                put_array_head(&changed, count);
                for (size_t v = 0; v < count; v++)
                    buffer_append_span(&changed, v == field ? span_text(wrong[w]) : values[v]);
                assert_int_equal(decode_alone(buffer_span(&changed), &got), -EBADMSG);
            }
        }
        free_message(&message);
    }
    buffer_fini(&frame);
    buffer_fini(&changed);
}

static void test_older_and_newer_senders(void **state)
{
    (void)state;
    struct buffer frame = {0}, changed = {0};
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct wire_message message, got, none = {.id = message_at((enum message_index)i)};
        struct span values[32];
        make_message(none.id, &message);
        buffer_clear(&frame);
        wire_put_message(&frame, &message);
        size_t count = split_values(buffer_span(&frame), values);

        /* Only the id: everything else is zero. */
        buffer_clear(&changed);
        put_array_head(&changed, 1);
        buffer_append_span(&changed, values[0]);
        assert_int_equal(decode_alone(buffer_span(&changed), &got), 0);
        assert_same(&got, &none);

        /* Three fields more: they are passed over, and the next message is found. */
        buffer_clear(&changed);
        put_array_head(&changed, count + 3);
        for (size_t v = 0; v < count; v++)
            buffer_append_span(&changed, values[v]);
        buffer_append_text(&changed, "\xc0\x81\x01\x92\x02\x03\xa1x");
        buffer_append_span(&changed, buffer_span(&frame));
        struct wire_decoder decoder;
        wire_decoder_init(&decoder);
        struct span rest = buffer_span(&changed);
        assert_int_equal(wire_decode_next(&decoder, &rest, &got), 0);
        assert_same(&got, &message);
        assert_int_equal(wire_decode_next(&decoder, &rest, &got), 0);
        assert_same(&got, &message);
        assert_int_equal(rest.length, 0);
        wire_decoder_fini(&decoder);
        free_message(&message);
    }
    buffer_fini(&frame);
    buffer_fini(&changed);
}

static void test_unknown_id_is_passed_over(void **state)
{
    (void)state;
    struct buffer frame = {0};
    struct wire_message got = {.id = MESSAGE_HELLO};
    buffer_append_text(&frame, "\x93\xcd\x7f\x01\x92\x01\x81\x01\xc3\xa2xy"); /* [32513, …] */
    wire_put_pull(&frame, &(struct message_pull){.snapshot = 7});
    struct wire_decoder decoder;
    wire_decoder_init(&decoder);
    struct span rest = buffer_span(&frame);
    assert_int_equal(wire_decode_next(&decoder, &rest, &got), -ENOTSUP);
    assert_int_equal(got.id, MESSAGE_HELLO); /* untouched */
    assert_int_equal(wire_decode_next(&decoder, &rest, &got), 0);
    assert_int_equal(got.as.pull.snapshot, 7);
    assert_int_equal(wire_decode_next(&decoder, &rest, &got), -EBADMSG);
    wire_decoder_fini(&decoder);
    buffer_fini(&frame);
}

static void test_not_a_message(void **state)
{
    (void)state;
    struct wire_message got;
    static const char *const wrong[] = {"",
                                        "\x90",
                                        "\x01",
                                        "\xc0",
                                        "\xdd\xff\xff\xff\xff",
                                        "\x81\x01\x02",
                                        "GET / HTTP/1.1\r\n",
                                        "\x91\xc4\x01x"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(decode_alone(span_text(wrong[i]), &got), -EBADMSG);
}

/* ---- bounds ---- */

/* Every field of every message, at its bound and one above. */
static char *large; /* WIRE_JSON_BYTES + 1 zeroes */

static void assert_bound(const struct wire_message *message, int expected)
{
    struct buffer frame = {0};
    struct wire_message got;
    wire_put_message(&frame, message);
    int rc = decode_alone(buffer_span(&frame), &got);
    if (rc != expected)
        fail_msg("%s: %d instead of %d", message_name(message->id), rc, expected);
    buffer_fini(&frame);
}

#define LIMIT_U64(name, bound)                                      \
    {                                                               \
        uint64_t limit = (bound);                                   \
        to->name = limit;                                           \
        assert_bound(&message, 0);                                  \
        to->name = limit + 1;                                       \
        assert_bound(&message, limit == UINT64_MAX ? 0 : -EBADMSG); \
        to->name = 0;                                               \
    }
#define LIMIT_BYTES(name, bound)                        \
    if ((bound) <= WIRE_JSON_BYTES) {                   \
        to->name = span_of(large, (bound));             \
        assert_bound(&message, 0);                      \
        to->name = span_of(large, (size_t)(bound) + 1); \
        assert_bound(&message, -EBADMSG);               \
        to->name = (struct span){0};                    \
    }
#define LIMIT_FIELD(type, name, bound, meaning) LIMIT_##type(name, bound)
#define LIMIT_LIST(record, name, bound, meaning)

static void test_bounds_of_every_field(void **state)
{
    (void)state;
    large = xcalloc(1, WIRE_JSON_BYTES + 1);
#define RECORD(name, fields)
#define MESSAGE(number, NAME, name, fields, purpose)          \
    {                                                         \
        struct wire_message message = {.id = MESSAGE_##NAME}; \
        struct message_##name *to = &message.as.name;         \
        (void)to;                                             \
        fields(LIMIT_FIELD, LIMIT_LIST)                       \
    }
#include "common/wire/messages.def"
    free(large);
}

static void test_bounds_inside_lists(void **state)
{
    (void)state;
    struct record_command_body bodies[2] = {{.code = 4999}};
    struct wire_message message = {
        .id = MESSAGE_COMMAND,
        .as.command.body = {.items = bodies, .count = 1},
    };
    assert_bound(&message, 0);
    message.as.command.body.count = 2; /* bound 1 */
    assert_bound(&message, -EBADMSG);
    message.as.command.body.count = 1;
    bodies[0].code = 5000;
    assert_bound(&message, -EBADMSG);
    bodies[0].code = 0;
    struct record_header headers[129] = {{.name = {0}}};
    bodies[0].headers = (struct record_header_list){.items = headers, .count = 128};
    assert_bound(&message, 0);
    bodies[0].headers.count = 129;
    assert_bound(&message, -EBADMSG);
}

static void test_largest_payload(void **state)
{
    (void)state;
    char *data = xcalloc(1, WIRE_DATA_BYTES + 1);
    struct record_event event = {.kind = 1, .data = span_of(data, WIRE_DATA_BYTES)};
    struct wire_message message = {
        .id = MESSAGE_BATCH,
        .as.batch.events = {.items = &event, .count = 1},
    };
    assert_bound(&message, 0);
    event.data.length++;
    assert_bound(&message, -EBADMSG);
    free(data);
}

/* A megabyte of one-byte values must not become many. */
static void test_amplification_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    const struct {
        const char *head; /* up to the list */
        size_t length;
        unsigned char filler;
        int expected;
    } attacks[] = {
        {"\x98\x0b\xc4\x00\x00\x00\x00\x00\xc4\x00", 10, 0x90, -EBADMSG}, /* BATCH: empty records */
        {"\x98\x0b\xc4\x00\x00\x00\x00\x00\xc4\x00", 10, 0xc0, -EBADMSG}, /* BATCH: nils */
        {"\x92\x3f", 2, 0x90, 0}, /* RECEIPT: a record is no more than 16 bytes */
        {"\x94\x21\xc4\x00\x00", 5, 0x90, -EBADMSG}, /* ROLL */
        {"\x92\x7f", 2, 0xc0, -ENOTSUP},             /* unknown: nothing is kept */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attacks); i++) {
        struct buffer frame = {0};
        buffer_append(&frame, attacks[i].head, attacks[i].length);
        buffer_append(&frame, "\xdd\x00\x0f\x42\x40", 5);
        memset(buffer_reserve(&frame, COUNT), attacks[i].filler, COUNT);
        buffer_commit(&frame, COUNT);
        struct wire_decoder decoder;
        struct wire_message got;
        struct span rest = buffer_span(&frame);
        wire_decoder_init(&decoder);
        assert_int_equal(wire_decode_next(&decoder, &rest, &got), attacks[i].expected);
        assert_true(decoder.used_bytes <=
                    WIRE_ARENA_BASE_BYTES + WIRE_AMPLIFICATION * frame.length);
        wire_decoder_fini(&decoder);
        buffer_fini(&frame);
    }
}

/* What honest senders send stays within the budget: many small records, all fields written. */
static void test_budget_is_enough_for_small_records(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct record_event *events = xcalloc(COUNT, sizeof *events);
    struct record_range *ranges = xcalloc(COUNT, sizeof *ranges);
    struct record_snapshot_entry *entries = xcalloc(COUNT, sizeof *entries);
    struct record_command_body *bodies = xcalloc(COUNT, sizeof *bodies);
    struct record_done_item *items = xcalloc(4096, sizeof *items);
    struct wire_message messages[] = {
        {.id = MESSAGE_BATCH, .as.batch.events = {events, COUNT}},
        {.id = MESSAGE_RECEIPT, .as.receipt.ranges = {ranges, COUNT}},
        {.id = MESSAGE_PAGE, .as.page.entries = {entries, COUNT}},
        {.id = MESSAGE_COMMANDS, .as.commands.commands = {bodies, COUNT}},
        {.id = MESSAGE_DONE, .as.done.items = {items, 4096}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(messages); i++)
        assert_bound(&messages[i], 0);
    free(events), free(ranges), free(entries), free(bodies), free(items);
}

static void test_arena_is_reused(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct record_range *ranges = xcalloc(COUNT, sizeof *ranges);
    struct wire_message message = {.id = MESSAGE_RECEIPT, .as.receipt.ranges = {ranges, COUNT}};
    struct buffer frame = {0};
    wire_put_message(&frame, &message);
    struct wire_decoder decoder;
    wire_decoder_init(&decoder);
    const struct record_range *first = NULL;
    for (int i = 0; i < 3; i++) {
        struct wire_message got;
        struct span rest = buffer_span(&frame);
        wire_decoder_reset(&decoder);
        assert_int_equal(wire_decode_next(&decoder, &rest, &got), 0);
        assert_true(!first || first == got.as.receipt.ranges.items);
        first = got.as.receipt.ranges.items;
    }
    wire_decoder_fini(&decoder);
    buffer_fini(&frame);
    free(ranges);
}

/* ---- packets ---- */

static void test_packet_header(void **state)
{
    (void)state;
    struct packet_header sent = {WIRE_VERSION, UINT64_MAX, 2, 3, UINT64_MAX - 1, 0}, got = {0};
    struct buffer frame = {0};
    packet_header_put(&frame, &sent);
    size_t length = frame.length;
    buffer_append_text(&frame, "rest");
    struct span rest = buffer_span(&frame);
    assert_int_equal(packet_header_take(&rest, &got), 0);
    assert_memory_equal(&sent, &got, sizeof got);
    assert_span(rest, "rest");
    for (size_t i = 0; i < length; i++) {
        rest = span_of(frame.data, i);
        assert_int_equal(packet_header_take(&rest, &got), -EBADMSG);
        assert_int_equal(rest.length, i);
    }
    buffer_fini(&frame);
}

static void test_packet_of_another_version(void **state)
{
    (void)state;
    struct packet_header got = {0};
    struct span longer = span_of("\x97\x01\x02\x03\x04\x05\x06\xa1zz", 10);
    assert_int_equal(packet_header_take(&longer, &got), 0); /* a field was appended */
    assert_int_equal(got.received, 6);
    assert_span(longer, "z");
    struct span newer = span_of("\x92\x02\xa1x", 4);
    assert_int_equal(packet_header_take(&newer, &got), -ENOTSUP);
    assert_int_equal(got.version, 2);
    struct span wrong[] = {
        span_of("\x96\x00\x02\x03\x04\x05\x06", 7), /* version 0 */
        span_of("\x95\x01\x02\x03\x04\x05", 6),     /* too few */
        span_of("\x96\xc0\x02\x03\x04\x05\x06", 7),
        span_of("\x96\x01\x02\x03\x04\x05\xff", 7),
        span_of("\x90", 1),
        span_of("", 0),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(packet_header_take(&wrong[i], &got), -EBADMSG);
}

/* ---- documentation ---- */

static void test_docs_name_every_message(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    wire_write_docs(file);
    fclose(file);
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        char head[64];
        enum message_id id = message_at((enum message_index)i);
        snprintf(head, sizeof head, "\n### %d %s\n", (int)id, message_name(id));
        assert_non_null(strstr(text, head));
    }
    assert_non_null(strstr(text, "\n### snapshot_entry\n"));
    assert_non_null(strstr(text, "| `connection` | bytes | ≤ 64 bytes |"));
    free(text);
}

int main(void)
{
    random_bytes(payload, sizeof payload);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_truncated_everywhere),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_older_and_newer_senders),
        cmocka_unit_test(test_unknown_id_is_passed_over),
        cmocka_unit_test(test_not_a_message),
        cmocka_unit_test(test_bounds_of_every_field),
        cmocka_unit_test(test_bounds_inside_lists),
        cmocka_unit_test(test_largest_payload),
        cmocka_unit_test(test_amplification_is_bounded),
        cmocka_unit_test(test_budget_is_enough_for_small_records),
        cmocka_unit_test(test_arena_is_reused),
        cmocka_unit_test(test_packet_header),
        cmocka_unit_test(test_packet_of_another_version),
        cmocka_unit_test(test_docs_name_every_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
