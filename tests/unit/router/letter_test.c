/* A dead letter's events, read back. */
#include "router/letter.h"

#include <errno.h>

#include "common/contract/event.h"
#include "tests/unit/unit.h"

static struct batch *read_letter(const char *events, uint64_t first, uint64_t last)
{
    struct batch *batch = NULL;

    assert_int_equal(letter_read(span_text(events), first, last, &batch), 0);
    assert_non_null(batch);
    return batch;
}

static void expect(const struct record_event *event, enum event_kind kind, struct span data)
{
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->data.length, data.length);
    assert_memory_equal(event->data.data, data.data, data.length);
}

static void every_kind_of_data(void **state)
{
    (void)state;
    struct batch *batch = read_letter(
        "[{\"type\":\"TEXT\",\"connectionId\":\"E.a\",\"data\":\"a\\\"\\u0000\\u00e9\"},"
        "{\"data\":\"AP8=\",\"connectionId\":\"E.a\",\"type\":\"BINARY\"},"
        "{\"type\":\"TEXT\",\"connectionId\":\"E.a\",\"data\":\"\"},"
        "{\"type\":\"BINARY\",\"connectionId\":\"E.a\",\"data\":\"\"}]",
        7, 10);
    assert_int_equal(batch->first, 7);
    assert_int_equal(batch->last, 10);
    assert_int_equal(batch->attempts, 0);
    assert_false(batch->is_close);
    assert_int_equal(batch->events.count, 4);
    expect(&batch->events.items[0], EVENT_TEXT, span_of("a\"\0\xc3\xa9", 5));
    expect(&batch->events.items[1], EVENT_BINARY, span_of("\0\xff", 2));
    expect(&batch->events.items[2], EVENT_TEXT, span_of("", 0));
    expect(&batch->events.items[3], EVENT_BINARY, span_of("", 0));
    batch_destroy(&batch);
}

static void a_close(void **state)
{
    (void)state;
    struct batch *batch = read_letter("[{\"type\":\"CLOSE\",\"connectionId\":\"E.a\",\"code\":1006,"
                                      "\"reason\":\"edge lost\"}]",
                                      BATCH_SEQUENCE_CLOSE, BATCH_SEQUENCE_CLOSE);
    assert_true(batch->is_close);
    assert_int_equal(batch->events.items[0].code, 1006);
    expect(&batch->events.items[0], EVENT_CLOSE, span_text("edge lost"));
    batch_destroy(&batch);
}

static void what_is_no_letter(void **state)
{
#define TEXT "{\"type\":\"TEXT\",\"data\":\"x\"}"
    static const struct {
        const char *events;
        uint64_t first, last;
    } rows[] = {
        {"", 1, 1},
        {"nonsense", 1, 1},
        {"{}", 1, 1},
        {"[]", 1, 1},
        {"[" TEXT, 1, 1},
        {"[1]", 1, 1},
        {"[{}]", 1, 1},
        {"[{\"type\":\"TEXT\"}]", 1, 1},
        {"[{\"type\":7,\"data\":\"x\"}]", 1, 1},
        {"[{\"type\":\"TEXT\",\"data\":null}]", 1, 1},
        {"[{\"type\":\"TEXT\",\"data\":\"\\ud800\"}]", 1, 1},
        {"[{\"type\":\"BINARY\",\"data\":\"?\"}]", 1, 1},
        {"[{\"type\":\"CLOSE\",\"code\":1000}]", 1, 1},
        {"[{\"type\":\"CLOSE\",\"code\":5000,\"reason\":\"\"}]", 1, 1},
        {"[{\"type\":\"OPEN\",\"headers\":{}}]", 0, 0},
        {"[{\"type\":\"OTHER\",\"data\":\"x\"}]", 1, 1},
        {"[" TEXT "," TEXT "]", 1, 1},
        {"[" TEXT "," TEXT "]", 2, 1},
        {"[" TEXT "]", 0, 0},
        {"[" TEXT ",{\"type\":\"CLOSE\",\"code\":1000,\"reason\":\"\"}]", 1, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct batch *batch = NULL;
        if (letter_read(span_text(rows[i].events), rows[i].first, rows[i].last, &batch) != -EBADMSG)
            fail_msg("%s was read", rows[i].events);
        assert_null(batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_data),
        cmocka_unit_test(a_close),
        cmocka_unit_test(what_is_no_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
