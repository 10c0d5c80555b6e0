#include "edge/message.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants those first. */
#include <cmocka.h>

static void test_plain_is_one_frame(void **state)
{
    struct message message;
    (void)state;
    message_init(&message, FRAME_OPCODE_TEXT, span_text("hello"));
    struct shared_frame *frame = message_frame(&message, NULL, 0);
    assert_int_equal(frame->length, 7);
    assert_memory_equal(frame->bytes, "\x81\x05hello", 7);
    assert_ptr_equal(message_frame(&message, NULL, 0), frame);
    shared_frame_ref(frame);
    message_fini(&message);
    assert_int_equal(frame->references, 1); /* it outlives the message */
    shared_frame_unref(&frame);
}

static void test_compressed_once_for_a_window(void **state)
{
    struct deflate_engine *engine = deflate_engine_new();
    struct message message;
    char text[1000];
    struct span inflated;
    (void)state;
    memset(text, 'x', sizeof(text));
    message_init(&message, FRAME_OPCODE_TEXT, span_of(text, sizeof(text)));
    struct shared_frame *wide = message_frame(&message, engine, 15);
    assert_ptr_equal(message_frame(&message, engine, 15), wide);
    assert_ptr_not_equal(message_frame(&message, engine, 9), wide);
    assert_ptr_equal(message_frame(&message, engine, 0), message.plain);
    assert_int_equal((unsigned char)wide->bytes[0], 0xc1); /* FIN, RSV1, text */
    assert_true(wide->length < 100);
    assert_int_equal(deflate_inflate(engine, span_of(wide->bytes + 2, wide->length - 2),
                                     sizeof(text), &inflated),
                     0);
    assert_true(span_equal(inflated, span_of(text, sizeof(text))));
    message_fini(&message);
    deflate_engine_destroy(&engine);
}

static void test_short_ones_are_not_worth_it(void **state)
{
    struct deflate_engine *engine = deflate_engine_new();
    struct message message;
    (void)state;
    message_init(&message, FRAME_OPCODE_BINARY, span_text("short"));
    assert_ptr_equal(message_frame(&message, engine, 15), message.plain);
    assert_ptr_equal(message_frame(&message, engine, 15), message.plain);
    assert_int_equal(message.plain->references, 2);
    message_fini(&message);
    deflate_engine_destroy(&engine);
}

static void test_close_frames(void **state)
{
    (void)state;
    struct shared_frame *frame = shared_frame_new_close(1001, span_text("bye"));
    assert_int_equal(frame->length, 7);
    assert_memory_equal(frame->bytes,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
    shared_frame_unref(&frame);
    frame = shared_frame_new_close(FRAME_NO_CODE, span_text(""));
    assert_int_equal(frame->length, 2);
    assert_memory_equal(frame->bytes, "\x88\x00", 2);
    shared_frame_unref(&frame);
    shared_frame_unref(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_is_one_frame),
        cmocka_unit_test(test_compressed_once_for_a_window),
        cmocka_unit_test(test_short_ones_are_not_worth_it),
        cmocka_unit_test(test_close_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
