/* The frames that a server writes: RFC 6455 §5.2, §5.5.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/frame.h"

static void header_lengths(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *header;
        size_t header_length;
    } rows[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10},
        {INT64_MAX, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char header[FRAME_HEADER_MAX];
        size_t length = frame_write_header(header, FRAME_OPCODE_TEXT, false, rows[i].length);
        assert_int_equal(length, rows[i].header_length);
        assert_memory_equal(header, rows[i].header, length);
    }
}

static void opcodes(void **state)
{
    (void)state;
    struct buffer out = {0};
    frame_append(&out, FRAME_OPCODE_BINARY, false, span_text("b"));
    frame_append(&out, FRAME_OPCODE_TEXT, true, span_text("t"));
    frame_append(&out, FRAME_OPCODE_PING, false, span_text(""));
    frame_append(&out, FRAME_OPCODE_PONG, false, span_text("p"));
    assert_int_equal(out.length, 11);
    assert_memory_equal(out.data,
                        "\x82\x01"
                        "b\xc1\x01t\x89\x00\x8a\x01p",
                        11);
    buffer_fini(&out);
}

static void check_close(uint16_t code, const char *reason, const char *expected, size_t length)
{
    struct buffer out = {0};
    frame_append_close(&out, code, span_text(reason));
    assert_int_equal(out.length, length);
    assert_memory_equal(out.data, expected, length);
    buffer_fini(&out);
}

static void close_frames(void **state)
{
    (void)state;
    check_close(1000, "", "\x88\x02\x03\xe8", 4);
    check_close(1000, NULL, "\x88\x02\x03\xe8", 4);
    check_close(4000, "idle", "\x88\x06\x0f\xa0idle", 8);
    check_close(FRAME_NO_CODE, "never sent", "\x88\x00", 2);
    check_close(1006, "never sent", "\x88\x00", 2);
    check_close(1015, "never sent", "\x88\x00", 2);
    check_close(0, "never sent", "\x88\x00", 2);
}

/* 122 ASCII bytes, then a character of two: it would be cut in half, so it is left out. */
static void long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char reason[130];
    struct buffer out = {0};
    memset(reason, 'a', sizeof(reason));
    frame_append_close(&out, 1000, span_of(reason, sizeof(reason)));
    assert_int_equal(out.length, 2 + FRAME_CONTROL_MAX);
    reason[122] = '\xce';
    reason[123] = '\xba';
    buffer_clear(&out);
    frame_append_close(&out, 1000, span_of(reason, sizeof(reason)));
    assert_int_equal(out.length, 2 + 2 + 122);
    assert_int_equal(out.data[1], 124);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_lengths),
        cmocka_unit_test(opcodes),
        cmocka_unit_test(close_frames),
        cmocka_unit_test(long_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
