#include "router/batch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/contract/event.h"

static struct batch *copy(const struct record_event *events, size_t count, uint64_t first,
                          uint64_t remaining_ms)
{
    struct message_batch message = {.first = first,
                                    .last = first + count - 1,
                                    .remaining_ms = remaining_ms,
                                    .events = {.items = events, .count = count}};
    struct batch *batch = NULL;

    assert_int_equal(batch_copy(&message, 1000, &batch), 0);
    return batch;
}

static void events_are_copied(void **state)
{
    char text[] = "one";
    const struct record_event events[] = {{.kind = EVENT_TEXT, .data = span_text(text)},
                                          {.kind = EVENT_BINARY, .data = span_of("\0\1", 2)},
                                          {.kind = EVENT_TEXT}};
    struct batch *batch = copy(events, 3, 5, 0);

    (void)state;
    memset(text, 'x', 3);
    assert_int_equal(batch->first, 5);
    assert_int_equal(batch->last, 7);
    assert_int_equal(batch->events.count, 3);
    assert_true(span_is(batch->events.items[0].data, "one"));
    assert_memory_equal(batch->events.items[1].data.data, "\0\1", 2);
    assert_int_equal(batch->events.items[2].data.length, 0);
    assert_false(batch->is_open || batch->is_close || batch_is_waited_for(batch));
    batch_destroy(&batch);
    assert_null(batch);
}

static void an_open_counts_down(void **state)
{
    const struct record_event open = {.kind = EVENT_OPEN, .data = span_text("\"ip\":\"::1\"")};
    struct batch *batch = copy(&open, 1, 0, 500);

    (void)state;
    assert_true(batch_is_waited_for(batch));
    assert_false(batch->was_sent || batch->may_be_accepted);
    assert_int_equal(batch_remaining_ms(batch, 1000), 500);
    assert_int_equal(batch_remaining_ms(batch, 1499), 1);
    assert_int_equal(batch_remaining_ms(batch, 1500), 0);
    assert_int_equal(batch_remaining_ms(batch, 9999), 0);
    batch_stop_waiting(batch);
    assert_false(batch_is_waited_for(batch));
    assert_true(batch->was_sent && batch->may_be_accepted);
    batch_destroy(&batch);
    batch = copy(&open, 1, 0, 0);
    assert_false(batch_is_waited_for(batch));
    assert_true(batch->may_be_accepted);
    batch_destroy(&batch);
}

static void what_is_no_batch(void **state)
{
    const struct record_event text = {.kind = EVENT_TEXT};
    const struct record_event open = {.kind = EVENT_OPEN};
    const struct record_event close_and_text[] = {{.kind = EVENT_CLOSE}, {.kind = EVENT_TEXT}};
    const struct record_event strange = {.kind = EVENT_KIND_COUNT};
    const struct message_batch bad[] = {
        {.first = 1, .last = 1},
        {.first = 1, .last = 2, .events = {.items = &text, .count = 1}},
        {.first = 2, .last = 1, .events = {.items = &text, .count = 1}},
        {.first = 0, .last = UINT64_MAX, .events = {.items = &text, .count = 1}},
        {.first = 0, .last = 0, .events = {.items = &text, .count = 1}},
        {.first = 1, .last = 1, .events = {.items = &open, .count = 1}},
        {.first = 1, .last = 2, .events = {.items = close_and_text, .count = 2}},
        {.first = 1, .last = 1, .events = {.items = &strange, .count = 1}},
    };
    struct batch *batch = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(batch_copy(&bad[i], 0, &batch), -EBADMSG);
        assert_null(batch);
    }
}

static void a_close_of_ours(void **state)
{
    struct batch *batch = batch_new_close(1006, span_text("edge lost"));

    (void)state;
    assert_true(batch->is_close);
    assert_int_equal(batch->first, BATCH_SEQUENCE_CLOSE);
    assert_int_equal(batch->last, BATCH_SEQUENCE_CLOSE);
    assert_int_equal(batch->events.items[0].kind, EVENT_CLOSE);
    assert_int_equal(batch->events.items[0].code, 1006);
    assert_true(span_is(batch->events.items[0].data, "edge lost"));
    batch_destroy(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_copied),
        cmocka_unit_test(an_open_counts_down),
        cmocka_unit_test(what_is_no_batch),
        cmocka_unit_test(a_close_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
