/* RFC 6455 as a server must enforce it, clause by clause. Each case is fed whole and in chunks of
 * several sizes; what comes out is written down as text and compared. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/frame.h"

enum { LIMIT = 1000, FRAMES_MAX = 6 };

/* One frame as a client sends it, masked; the length is encoded minimally. */
struct sent {
    uint8_t first; /* FIN, RSV1-3, opcode */
    const char *payload;
    size_t length;
};

#define SENT(first, text)             \
    {                                 \
        first, text, sizeof(text) - 1 \
    }
#define RAW(text)    .raw = text, .raw_length = sizeof(text) - 1
#define TEN          "0123456789"
#define HUNDRED      TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define FIVE_HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

struct frame_case {
    const char *name;
    const char *expected; /* the events, written down; of an error the code only */
    bool deflate;
    struct sent frames[FRAMES_MAX];
    const char *raw; /* bytes sent after the frames */
    size_t raw_length;
};

static const struct frame_case cases[] = {
    /* §5.6 data frames */
    {"5.6 text", "text(hello)", .frames = {SENT(0x81, "hello")}},
    {"5.6 binary", "binary(\xff\xfe)", .frames = {SENT(0x82, "\xff\xfe")}},
    {"5.6 empty text", "text()", .frames = {SENT(0x81, "")}},
    {"5.6 empty binary", "binary()", .frames = {SENT(0x82, "")}},
    {"5.6 two in a row", "text(a) text(b)", .frames = {SENT(0x81, "a"), SENT(0x81, "b")}},
    {"5.2 length 125", "text(" HUNDRED TEN TEN "01234)",
     .frames = {SENT(0x81, HUNDRED TEN TEN "01234")}},
    {"5.2 length 126 in 16 bits", "text(" HUNDRED TEN TEN "012345)",
     .frames = {SENT(0x81, HUNDRED TEN TEN "012345")}},
    /* §5.2 reserved bits, opcodes and length */
    {"5.2 RSV1 without extension", "error(1002)", .frames = {SENT(0xc1, "a")}},
    {"5.2 RSV2", "error(1002)", .frames = {SENT(0xa1, "a")}},
    {"5.2 RSV3", "error(1002)", .frames = {SENT(0x91, "a")}},
    {"5.2 RSV2 with deflate", "error(1002)", true, .frames = {SENT(0xa1, "a")}},
    {"5.2 RSV3 on a ping", "error(1002)", .frames = {SENT(0x99, "a")}},
    {"5.2 RSV after a good frame", "text(a) error(1002)",
     .frames = {SENT(0x81, "a"), SENT(0xb1, "b")}},
    {"5.2 opcode 3", "error(1002)", .frames = {SENT(0x83, "")}},
    {"5.2 opcode 4", "error(1002)", .frames = {SENT(0x84, "")}},
    {"5.2 opcode 5", "error(1002)", .frames = {SENT(0x85, "")}},
    {"5.2 opcode 6", "error(1002)", .frames = {SENT(0x86, "")}},
    {"5.2 opcode 7", "error(1002)", .frames = {SENT(0x87, "")}},
    {"5.2 opcode 11", "error(1002)", .frames = {SENT(0x8b, "")}},
    {"5.2 opcode 12", "error(1002)", .frames = {SENT(0x8c, "")}},
    {"5.2 opcode 13", "error(1002)", .frames = {SENT(0x8d, "")}},
    {"5.2 opcode 14", "error(1002)", .frames = {SENT(0x8e, "")}},
    {"5.2 opcode 15", "error(1002)", .frames = {SENT(0x8f, "")}},
    {"5.2 16-bit length not minimal", "error(1002)", RAW("\x81\xfe\x00\x7d....")},
    {"5.2 64-bit length not minimal", "error(1002)",
     RAW("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff....")},
    {"5.2 64-bit length, highest bit", "error(1002)",
     RAW("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x01....")},
    {"5.2 64-bit length, largest legal", "error(1009)",
     RAW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....")},
    /* §5.1 masking */
    {"5.1 unmasked text", "error(1002)", RAW("\x81\x05hello")},
    {"5.1 unmasked empty", "error(1002)", RAW("\x81\x00")},
    {"5.1 unmasked close", "error(1002)", RAW("\x88\x02\x03\xe8")},
    {"5.3 mask of zeros", "text(hi)", RAW("\x81\x82\x00\x00\x00\x00hi")},
    /* §5.5 control frames */
    {"5.5.2 ping", "ping(x)", .frames = {SENT(0x89, "x")}},
    {"5.5.2 empty ping", "ping()", .frames = {SENT(0x89, "")}},
    {"5.5.2 binary ping", "ping(\xff\x01)", .frames = {SENT(0x89, "\xff\x01")}},
    {"5.5.3 unsolicited pong", "pong(x)", .frames = {SENT(0x8a, "x")}},
    {"5.5 ping of 125 bytes", "ping(" HUNDRED TEN TEN "01234)",
     .frames = {SENT(0x89, HUNDRED TEN TEN "01234")}},
    {"5.5 ping of 126 bytes", "error(1002)", .frames = {SENT(0x89, HUNDRED TEN TEN "012345")}},
    {"5.5 ping of 70000 bytes", "error(1002)", RAW("\x89\xff\x00\x00\x00\x00\x00\x01\x11\x70....")},
    {"5.5 close of 126 bytes", "error(1002)",
     .frames = {SENT(0x88, "\x03\xe8" HUNDRED TEN TEN "0123")}},
    {"5.5 fragmented ping", "error(1002)", .frames = {SENT(0x09, "a"), SENT(0x80, "b")}},
    {"5.5 fragmented close", "error(1002)", .frames = {SENT(0x08, "\x03\xe8")}},
    /* §5.4 fragmentation */
    {"5.4 two fragments", "text(ab)", .frames = {SENT(0x01, "a"), SENT(0x80, "b")}},
    {"5.4 three fragments", "binary(abc)",
     .frames = {SENT(0x02, "a"), SENT(0x00, "b"), SENT(0x80, "c")}},
    {"5.4 empty fragments", "text()", .frames = {SENT(0x01, ""), SENT(0x00, ""), SENT(0x80, "")}},
    {"5.4 empty last fragment", "text(a)", .frames = {SENT(0x01, "a"), SENT(0x80, "")}},
    {"5.4 ping between fragments", "ping(p) text(ab)",
     .frames = {SENT(0x01, "a"), SENT(0x89, "p"), SENT(0x80, "b")}},
    {"5.4 two pings between fragments", "ping(p) pong(q) text(abc)",
     .frames = {SENT(0x01, "a"), SENT(0x89, "p"), SENT(0x00, "b"), SENT(0x8a, "q"),
                SENT(0x80, "c")}},
    {"5.4 close between fragments", "close(1000,)",
     .frames = {SENT(0x01, "a"), SENT(0x88, "\x03\xe8"), SENT(0x80, "b")}},
    {"5.4 continuation of nothing", "error(1002)", .frames = {SENT(0x80, "a")}},
    {"5.4 unfinished continuation of nothing", "error(1002)", .frames = {SENT(0x00, "a")}},
    {"5.4 continuation after a whole message", "text(a) error(1002)",
     .frames = {SENT(0x81, "a"), SENT(0x80, "b")}},
    {"5.4 continuation after the last", "text(ab) error(1002)",
     .frames = {SENT(0x01, "a"), SENT(0x80, "b"), SENT(0x80, "c")}},
    {"5.4 text inside a message", "error(1002)", .frames = {SENT(0x01, "a"), SENT(0x81, "b")}},
    {"5.4 binary inside a text", "error(1002)", .frames = {SENT(0x01, "a"), SENT(0x02, "b")}},
    {"5.4 fragmented, then another", "text(ab) binary(cd)",
     .frames = {SENT(0x01, "a"), SENT(0x80, "b"), SENT(0x02, "c"), SENT(0x80, "d")}},
    /* §8.1 UTF-8 */
    {"8.1 valid", "text(\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80)",
     .frames = {SENT(0x81, "\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80")}},
    {"8.1 character cut by fragments", "text(\xf0\x9f\x98\x80)",
     .frames = {SENT(0x01, "\xf0\x9f"), SENT(0x00, "\x98"), SENT(0x80, "\x80")}},
    {"8.1 lone continuation byte", "error(1007)", .frames = {SENT(0x81, "a\x80")}},
    {"8.1 surrogate", "error(1007)", .frames = {SENT(0x81, "\xed\xa0\x80")}},
    {"8.1 overlong", "error(1007)", .frames = {SENT(0x81, "\xc0\xaf")}},
    {"8.1 above U+10FFFF", "error(1007)", .frames = {SENT(0x81, "\xf4\x90\x80\x80")}},
    {"8.1 cut off at the end", "error(1007)", .frames = {SENT(0x81, "\xce")}},
    {"8.1 cut off at the end of fragments", "error(1007)",
     .frames = {SENT(0x01, "a"), SENT(0x80, "\xce")}},
    {"8.1 cut off, then empty last fragment", "error(1007)",
     .frames = {SENT(0x01, "\xce"), SENT(0x80, "")}},
    {"8.1 bad fragment fails before the last", "error(1007)", .frames = {SENT(0x01, "\xff")}},
    {"8.1 state does not outlive its message", "text(\xce\xba) text(a)",
     .frames = {SENT(0x01, "\xce"), SENT(0x80, "\xba"), SENT(0x01, "a"), SENT(0x80, "")}},
    {"8.1 binary need not be UTF-8", "binary(\xff\xff)",
     .frames = {SENT(0x02, "\xff"), SENT(0x80, "\xff")}},
    /* §5.5.1, §7.4 close */
    {"5.5.1 close without code", "close(1005,)", .frames = {SENT(0x88, "")}},
    {"5.5.1 close with one byte", "error(1002)", .frames = {SENT(0x88, "\x03")}},
    {"5.5.1 close with reason", "close(1000,bye)",
     .frames = {SENT(0x88, "\x03\xe8"
                           "bye")}},
    {"5.5.1 reason of 123 bytes", "close(1000," HUNDRED TEN TEN "012)",
     .frames = {SENT(0x88, "\x03\xe8" HUNDRED TEN TEN "012")}},
    {"5.5.1 reason not UTF-8", "error(1007)", .frames = {SENT(0x88, "\x03\xe8\xff")}},
    {"5.5.1 reason cut off", "error(1007)",
     .frames = {SENT(0x88, "\x03\xe8"
                           "a\xce")}},
    {"5.5.1 nothing counts after close", "close(1000,)",
     .frames = {SENT(0x88, "\x03\xe8"), SENT(0x81, "late"), SENT(0x83, "")}},
    /* the message limit is exact */
    {"7.4.1 limit reached", "text(" FIVE_HUNDRED FIVE_HUNDRED ")",
     .frames = {SENT(0x81, FIVE_HUNDRED FIVE_HUNDRED)}},
    {"7.4.1 limit exceeded", "error(1009)", .frames = {SENT(0x81, FIVE_HUNDRED FIVE_HUNDRED "x")}},
    {"7.4.1 limit reached by fragments", "binary(" FIVE_HUNDRED FIVE_HUNDRED ")",
     .frames = {SENT(0x02, FIVE_HUNDRED), SENT(0x80, FIVE_HUNDRED)}},
    {"7.4.1 limit exceeded by fragments", "error(1009)",
     .frames = {SENT(0x02, FIVE_HUNDRED), SENT(0x00, FIVE_HUNDRED), SENT(0x80, "x")}},
    {"7.4.1 limit exceeded with deflate negotiated", "error(1009)", true,
     .frames = {SENT(0x81, FIVE_HUNDRED FIVE_HUNDRED "x")}},
    /* RFC 7692 */
    {"7692 7.2.3.1 compressed", "text(Hello)", true,
     .frames = {SENT(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00")}},
    {"7692 7.2.3.1 compressed in fragments", "text(Hello)", true,
     .frames = {SENT(0x41, "\xf2\x48\xcd"), SENT(0x80, "\xc9\xc9\x07\x00")}},
    {"7692 7.2.3.3 stored block", "text(Hello)", true,
     .frames = {SENT(0xc1, "\x00\x05\x00\xfa\xff"
                           "Hello\x00")}},
    {"7692 7.2.3.4 final block", "text(Hello)", true,
     .frames = {SENT(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}},
    {"7692 7.2.3.5 two blocks", "binary(Hello)", true,
     .frames = {SENT(0xc2, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")}},
    {"7692 7.2.3.6 empty", "text()", true, .frames = {SENT(0xc1, "\x00")}},
    {"7692 6.1 plain while negotiated", "text(Hello)", true, .frames = {SENT(0x81, "Hello")}},
    {"7692 6.1 compressed, ping between, then plain", "ping(p) text(Hello) text(a)", true,
     .frames = {SENT(0x41, "\xf2\x48"), SENT(0x89, "p"), SENT(0x80, "\xcd\xc9\xc9\x07\x00"),
                SENT(0x81, "a")}},
    {"7692 6.1 RSV1 on continuation", "error(1002)", true,
     .frames = {SENT(0x41, "\xf2\x48\xcd"), SENT(0xc0, "\xc9\xc9\x07\x00")}},
    {"7692 6.1 RSV1 on ping", "error(1002)", true, .frames = {SENT(0xc9, "")}},
    {"7692 6.1 RSV1 on close", "error(1002)", true, .frames = {SENT(0xc8, "")}},
    {"7692 reserved block type", "error(1007)", true, .frames = {SENT(0xc1, "\xff\xff\xff")}},
    {"7692 cut off inside a block", "error(1007)", true, .frames = {SENT(0xc1, "\xf2\x48\xcd")}},
    {"7692 inflates to bad UTF-8", "error(1007)", true,
     .frames = {SENT(0xc1, "\x00\x01\x00\xfe\xff\xff\x00")}},
    {"7692 inflates to bad UTF-8, binary", "binary(\xff)", true,
     .frames = {SENT(0xc2, "\x00\x01\x00\xfe\xff\xff\x00")}},
};

static struct deflate_engine *engine;

static void put_sent(struct buffer *bytes, const struct sent *frame)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    assert_true(frame->length <= UINT16_MAX);
    buffer_append_byte(bytes, (char)frame->first);
    buffer_append_byte(bytes, (char)(0x80 | (frame->length < 126 ? frame->length : 126)));
    if (frame->length >= 126) {
        buffer_append_byte(bytes, (char)(frame->length >> 8));
        buffer_append_byte(bytes, (char)(frame->length & 0xff));
    }
    buffer_append(bytes, mask, sizeof(mask));
    for (size_t i = 0; i < frame->length; i++)
        buffer_append_byte(bytes, (char)((uint8_t)frame->payload[i] ^ mask[i % 4]));
}

static void note(struct buffer *log, const struct frame_event *event)
{
    static const char *const names[] = {[FRAME_TEXT] = "text",
                                        [FRAME_BINARY] = "binary",
                                        [FRAME_PING] = "ping",
                                        [FRAME_PONG] = "pong"};
    if (log->length > 0)
        buffer_append_byte(log, ' ');
    if (event->type == FRAME_CLOSE) {
        buffer_append_format(log, "close(%u,", event->code);
        buffer_append_span(log, event->data);
    } else if (event->type == FRAME_ERROR) {
        assert_true(event->data.length > 0 && event->data.length <= FRAME_REASON_MAX);
        buffer_append_format(log, "error(%u", event->code);
    } else {
        buffer_append_format(log, "%s(", names[event->type]);
        buffer_append_span(log, event->data);
    }
    buffer_append_byte(log, ')');
}

/* Feeds copies of `chunk` bytes, of exactly that size so that a sanitizer sees each step too far.
 */
static void feed(struct frame_decoder *decoder, struct span bytes, size_t chunk, struct buffer *log)
{
    while (bytes.length > 0) {
        size_t length = min_size(chunk, bytes.length);
        char *copy = xmalloc(length);
        memcpy(copy, bytes.data, length);
        struct frame_input input = {.data = copy, .length = length};
        struct frame_event event;
        while (frame_decode(decoder, &input, &event) == 0)
            note(log, &event);
        assert_int_equal(input.length, 0);
        free(copy);
        bytes = span_of(bytes.data + length, bytes.length - length);
    }
}

static void run_case(const struct frame_case *row, size_t chunk)
{
    const struct frame_rules rules = {.message_limit = LIMIT, .engine = engine};
    struct frame_decoder decoder;
    struct buffer bytes = {0}, log = {0};
    frame_decoder_init(&decoder, &rules, row->deflate);
    for (size_t i = 0; i < FRAMES_MAX && row->frames[i].payload; i++)
        put_sent(&bytes, &row->frames[i]);
    buffer_append(&bytes, row->raw, row->raw_length);
    feed(&decoder, buffer_span(&bytes), chunk, &log);
    if (!span_is(buffer_span(&log), row->expected))
        fail_msg("%s, chunks of %zu: expected %s, got %.*s", row->name, chunk, row->expected,
                 SPAN_ARGS(buffer_span(&log)));
    if (frame_decoder_held_bytes(&decoder) != 0 && !frame_decoder_is_partial(&decoder))
        fail_msg("%s: an idle decoder holds memory", row->name);
    frame_decoder_fini(&decoder);
    buffer_fini(&bytes);
    buffer_fini(&log);
}

static void cases_of_the_rfc(void **state)
{
    (void)state;
    static const size_t chunks[] = {SIZE_MAX, 1, 2, 3, 5, 7, 64};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        for (size_t k = 0; k < ARRAY_LENGTH(chunks); k++)
            run_case(&cases[i], chunks[k]);
}

/* §7.4: every one of the 65536 codes. */
static void close_codes(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        char payload[] = {(char)(code >> 8), (char)(code & 0xff)};
        bool valid = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
                     (code >= 3000 && code <= 4999);
        char expected[32];
        snprintf(expected, sizeof(expected), "close(%u,)", code);
        struct frame_case row = {"7.4 close code", valid ? expected : "error(1002)",
                                 .frames = {{0x88, payload, sizeof(payload)}}};
        run_case(&row, SIZE_MAX);
    }
}

static void whole_message_is_not_copied(void **state)
{
    (void)state;
    const struct frame_rules rules = {.message_limit = LIMIT};
    char bytes[] = "\x82\x83\x01\x02\x03\x04\x60\x60\x60\x89\x80....";
    struct frame_input input = {.data = bytes, .length = sizeof(bytes) - 1};
    struct frame_decoder decoder;
    struct frame_event event;
    assert_true(sizeof(decoder) <= 64);
    frame_decoder_init(&decoder, &rules, false);
    assert_int_equal(frame_decode(&decoder, &input, &event), 0);
    assert_int_equal(event.type, FRAME_BINARY);
    assert_ptr_equal(event.data.data, bytes + 6);
    assert_memory_equal(event.data.data, "abc", 3);
    assert_ptr_equal(input.data, bytes + 9); /* stops after one event: the rest may wait */
    assert_int_equal(frame_decoder_held_bytes(&decoder), 0);
    assert_int_equal(frame_decode(&decoder, &input, &event), 0);
    assert_int_equal(event.type, FRAME_PING);
    assert_int_equal(frame_decode(&decoder, &input, &event), -EAGAIN);
    frame_decoder_fini(&decoder);
}

/* Memory comes with the bytes, not with the length that a header announces, and goes with the
 * message. */
static void memory_follows_the_bytes(void **state)
{
    (void)state;
    const struct frame_rules rules = {.message_limit = (size_t)1 << 26};
    char bytes[] = "\x82\xff\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"
                   "data";
    struct frame_input input = {.data = bytes, .length = sizeof(bytes) - 1};
    struct frame_decoder decoder;
    struct frame_event event;
    frame_decoder_init(&decoder, &rules, false);
    assert_false(frame_decoder_is_partial(&decoder));
    assert_int_equal(frame_decode(&decoder, &input, &event), -EAGAIN);
    assert_true(frame_decoder_is_partial(&decoder));
    assert_true(frame_decoder_held_bytes(&decoder) < 1024);
    frame_decoder_release(&decoder); /* not what is still under way */
    assert_true(frame_decoder_is_partial(&decoder));
    frame_decoder_fini(&decoder);
    assert_int_equal(frame_decoder_held_bytes(&decoder), 0);
    char parts[] = "\x01\x81\x00\x00\x00\x00x\x80\x81\x00\x00\x00\x00y\x89\x80....";
    input = (struct frame_input){.data = parts, .length = sizeof(parts) - 1};
    frame_decoder_init(&decoder, &rules, false);
    assert_int_equal(frame_decode(&decoder, &input, &event), 0);
    assert_true(span_is(event.data, "xy"));
    assert_true(frame_decoder_held_bytes(&decoder) > 0);
    frame_decoder_release(&decoder); /* nor need the input be used up */
    assert_int_equal(frame_decoder_held_bytes(&decoder), 0);
    assert_int_equal(frame_decode(&decoder, &input, &event), 0);
    assert_int_equal(event.type, FRAME_PING);
    frame_decoder_fini(&decoder);
}

/* §8.1 with §7.1.7: the wrong byte is answered although its frame is far from complete. */
static void bad_text_fails_at_once(void **state)
{
    (void)state;
    const struct frame_rules rules = {.message_limit = LIMIT};
    char bytes[] = "\x81\xfe\x03\xe8\x00\x00\x00\x00"
                   "abc\xff";
    struct frame_input input = {.data = bytes, .length = sizeof(bytes) - 1};
    struct frame_decoder decoder;
    struct frame_event event;
    frame_decoder_init(&decoder, &rules, false);
    assert_int_equal(frame_decode(&decoder, &input, &event), 0);
    assert_int_equal(event.type, FRAME_ERROR);
    assert_int_equal(event.code, 1007);
    assert_false(frame_decoder_is_partial(&decoder));
    frame_decoder_fini(&decoder);
}

/* A bomb: 1 MB of zeros in a kilobyte. */
static void bomb_is_cut(void **state)
{
    (void)state;
    struct buffer plain = {0}, packed = {0};
    memset(buffer_reserve(&plain, 1 << 20), 0, 1 << 20);
    buffer_commit(&plain, 1 << 20);
    assert_true(deflate_compress(engine, 15, buffer_span(&plain), &packed));
    assert_true(packed.length < 1060); /* below what the header lets through */
    struct frame_case row = {"bomb", "error(1009)", true,
                             .frames = {{0xc2, packed.data, packed.length}}};
    run_case(&row, SIZE_MAX);
    buffer_fini(&plain);
    buffer_fini(&packed);
}

static void unmasking(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {1, 2, 3, 4};
    for (size_t length = 0; length < 40; length++) {
        for (size_t offset = 0; offset < 9; offset++) {
            char data[40];
            for (size_t i = 0; i < length; i++)
                data[i] = (char)(i * 7);
            frame_unmask(data, length, mask, offset);
            for (size_t i = 0; i < length; i++)
                assert_int_equal((uint8_t)data[i], (uint8_t)(i * 7) ^ mask[(offset + i) % 4]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_of_the_rfc),
        cmocka_unit_test(close_codes),
        cmocka_unit_test(whole_message_is_not_copied),
        cmocka_unit_test(memory_follows_the_bytes),
        cmocka_unit_test(bad_text_fails_at_once),
        cmocka_unit_test(bomb_is_cut),
        cmocka_unit_test(unmasking),
    };
    engine = deflate_engine_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    deflate_engine_destroy(&engine);
    return failed;
}
