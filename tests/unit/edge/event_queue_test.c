#include "edge/event_queue.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those first. */
#include <cmocka.h>

static const struct batch_limits limits = {.events = 3, .bytes = 10};

static void push(struct event_queue *queue, enum event_kind kind, const char *text)
{
    event_queue_push(queue,
                     queued_event_new(kind, span_text(text), kind == EVENT_CLOSE ? 1000 : 0));
}

static void test_is_empty_at_first(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    assert_false(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_acknowledge(&queue, 0), 0);
    event_queue_fini(&queue);
}

static void test_open_and_close_go_alone(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    push(&queue, EVENT_OPEN, "{}");
    push(&queue, EVENT_TEXT, "a");
    push(&queue, EVENT_CLOSE, "bye");
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(queue.sealed[0].last, 0);
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(queue.sealed[1].last, 1);
    assert_int_equal(queue.sealed[1].count, 1);
    assert_false(event_queue_seal(&queue, &limits)); /* two are sealed */
    assert_true(event_queue_acknowledge(&queue, 0) > 0);
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_batch_first(&queue, 1), 2);
    assert_int_equal(event_queue_batch_events(&queue, 1)->kind, EVENT_CLOSE);
    assert_int_equal(event_queue_batch_events(&queue, 1)->code, 1000);
    assert_null(queue.unsealed);
    event_queue_fini(&queue);
}

static void test_batches_are_cut_by_events_and_bytes(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    for (int i = 0; i < 4; i++)
        push(&queue, EVENT_TEXT, "x");
    push(&queue, EVENT_TEXT, "123456789");
    push(&queue, EVENT_BINARY, "a message that is longer than the limit");
    push(&queue, EVENT_TEXT, "y");
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(queue.sealed[0].count, 3); /* three events at most */
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(queue.sealed[1].count, 2); /* 1 + 9 bytes are just allowed */
    assert_int_equal(event_queue_batch_first(&queue, 1), 3);
    assert_true(event_queue_acknowledge(&queue, 2) > 0);
    assert_true(event_queue_acknowledge(&queue, 4) > 0);
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(queue.sealed[0].count, 1); /* one larger message goes alone */
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_batch_first(&queue, 1), 6);
    event_queue_fini(&queue);
}

static void test_a_sealed_batch_never_changes(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    push(&queue, EVENT_TEXT, "a");
    assert_true(event_queue_seal(&queue, &limits));
    push(&queue, EVENT_TEXT, "b");
    assert_int_equal(queue.sealed[0].count, 1);
    assert_int_equal(queue.sealed[0].last, 0);
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_batch_events(&queue, 1)->data[0], 'b');
    event_queue_fini(&queue);
}

static void test_only_the_end_of_a_sealed_batch_is_acknowledged(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    for (int i = 0; i < 4; i++)
        push(&queue, EVENT_TEXT, "x");
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_acknowledge(&queue, 0), 0); /* inside */
    assert_int_equal(event_queue_acknowledge(&queue, 3), 0); /* not sealed */
    assert_int_equal(event_queue_acknowledge(&queue, UINT64_MAX), 0);
    assert_int_equal(queue.count, 4);
    assert_int_equal(event_queue_acknowledge(&queue, 2), 3 * (1 + EVENT_OVERHEAD_BYTES));
    assert_int_equal(event_queue_acknowledge(&queue, 2), 0); /* repeated */
    assert_int_equal(queue.count, 1);
    assert_int_equal(queue.bytes, 1 + EVENT_OVERHEAD_BYTES);
    event_queue_fini(&queue);
}

static void test_the_second_acknowledges_the_first_too(void **state)
{
    struct event_queue queue = {0};
    (void)state;
    push(&queue, EVENT_OPEN, "");
    push(&queue, EVENT_TEXT, "x");
    assert_true(event_queue_seal(&queue, &limits) && event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_acknowledge(&queue, 1), 1 + 2 * EVENT_OVERHEAD_BYTES);
    assert_int_equal(queue.sealed_count, 0);
    assert_null(queue.first);
    assert_null(queue.last);
    assert_int_equal(queue.bytes, 0);
    push(&queue, EVENT_TEXT, "z");
    assert_true(event_queue_seal(&queue, &limits));
    assert_int_equal(event_queue_batch_first(&queue, 0), 2);
    event_queue_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_empty_at_first),
        cmocka_unit_test(test_open_and_close_go_alone),
        cmocka_unit_test(test_batches_are_cut_by_events_and_bytes),
        cmocka_unit_test(test_a_sealed_batch_never_changes),
        cmocka_unit_test(test_only_the_end_of_a_sealed_batch_is_acknowledged),
        cmocka_unit_test(test_the_second_acknowledges_the_first_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
