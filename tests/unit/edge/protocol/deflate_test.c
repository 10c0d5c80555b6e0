/* permessage-deflate: negotiation (RFC 7692 §5, §7.1) and data (§7.2). The frames around it are
 * frame_test.c's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "edge/protocol/deflate.h"

#define PLAIN "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const struct {
    const char *offers;
    int result;
    const char *answer;
} offers[] = {
    {"permessage-deflate", 0, PLAIN},
    {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 0, PLAIN},
    {"permessage-deflate ;server_no_context_takeover\t; client_max_window_bits = 8", 0, PLAIN},
    {"permessage-deflate; client_max_window_bits", 0, PLAIN},
    {"permessage-deflate; client_max_window_bits=\"15\"", 0, PLAIN},
    {"permessage-deflate; server_max_window_bits=15", 0, PLAIN "; server_max_window_bits=15"},
    {"permessage-deflate; server_max_window_bits=\"9\"", 0, PLAIN "; server_max_window_bits=9"},
    {"permessage-deflate; server_max_window_bits=8, permessage-deflate", 0, PLAIN},
    {"x-other, permessage-deflate", 0, PLAIN},
    {",, permessage-deflate ,", 0, PLAIN},
    {"x; a=\"b\"; c; d=e, permessage-deflate; server_max_window_bits=12, permessage-deflate", 0,
     PLAIN "; server_max_window_bits=12"},
    /* well-formed, not acceptable */
    {"x-other", -ENOENT, NULL},
    {"Permessage-Deflate", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=8", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=16", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=7", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=010", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=1x", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=99999999999999999999", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=\"1\\0\"", -ENOENT, NULL},
    {"permessage-deflate; client_max_window_bits=16", -ENOENT, NULL},
    {"permessage-deflate; client_max_window_bits=x", -ENOENT, NULL},
    {"permessage-deflate; server_no_context_takeover=1", -ENOENT, NULL},
    {"permessage-deflate; client_no_context_takeover=\"x\"", -ENOENT, NULL},
    {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", -ENOENT, NULL},
    {"permessage-deflate; client_max_window_bits; client_max_window_bits", -ENOENT, NULL},
    {"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", -ENOENT, NULL},
    {"permessage-deflate; unknown", -ENOENT, NULL},
    {"permessage-deflate; SERVER_NO_CONTEXT_TAKEOVER", -ENOENT, NULL},
    /* not the syntax of RFC 6455 §9.1 */
    {"", -EBADMSG, NULL},
    {" , ", -EBADMSG, NULL},
    {"permessage-deflate;", -EBADMSG, NULL},
    {"permessage-deflate; =9", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=\"", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=\"\"", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=\"9", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=\"9\\", -EBADMSG, NULL},
    {"permessage-deflate; server_max_window_bits=\"9 \"", -EBADMSG, NULL},
    {"permessage-deflate server_no_context_takeover", -EBADMSG, NULL},
    {"permessage-deflate, ;", -EBADMSG, NULL},
    {"permessage-deflate, x; a=b=c", -EBADMSG, NULL},
    {"perm(essage", -EBADMSG, NULL},
};

static void negotiation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(offers); i++) {
        struct deflate_parameters parameters = {.window_bits = 77};
        int r = deflate_negotiate(span_text(offers[i].offers), &parameters);
        if (r != offers[i].result)
            fail_msg("%s: %d", offers[i].offers, r);
        if (r < 0) {
            assert_int_equal(parameters.window_bits, 77);
            continue;
        }
        struct buffer answer = {0};
        deflate_append_answer(&answer, &parameters);
        if (!span_is(buffer_span(&answer), offers[i].answer))
            fail_msg("%s: answered %.*s", offers[i].offers, SPAN_ARGS(buffer_span(&answer)));
        buffer_fini(&answer);
    }
}

static void fill(struct buffer *text, size_t length)
{
    while (text->length < length)
        buffer_append_format(text, "{\"number\":%zu,\"user\":\"someone\"}", text->length);
    text->length = length;
}

static void round_trips(void **state)
{
    (void)state;
    static const size_t lengths[] = {64, 65, 1000, 16384, 70000, 1 << 20};
    struct deflate_engine *engine = deflate_engine_new();
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct buffer text = {0};
        fill(&text, lengths[i]);
        for (int window = DEFLATE_WINDOW_BITS_MIN; window <= DEFLATE_WINDOW_BITS_MAX; window++) {
            uint8_t bits = (uint8_t)window;
            struct buffer packed = {0}, again = {0};
            struct span back;
            buffer_append_text(&packed, "before");
            assert_true(deflate_compress(engine, bits, buffer_span(&text), &packed));
            assert_true(packed.length - 6 < text.length);
            assert_memory_equal(packed.data, "before", 6);
            struct span payload = span_of(packed.data + 6, packed.length - 6);
            assert_int_equal(deflate_inflate(engine, payload, text.length, &back), 0);
            assert_true(span_equal(back, buffer_span(&text)));
            assert_int_equal(deflate_inflate(engine, payload, text.length - 1, &back), -EMSGSIZE);
            /* no context is taken over: the same message gives the same bytes */
            assert_true(deflate_compress(engine, bits, buffer_span(&text), &again));
            assert_true(span_equal(buffer_span(&again), payload));
            buffer_fini(&packed);
            buffer_fini(&again);
        }
        buffer_fini(&text);
    }
    deflate_engine_destroy(&engine);
    assert_null(engine);
    deflate_engine_destroy(&engine); /* harmless */
}

static void not_worth_it(void **state)
{
    (void)state;
    struct deflate_engine *engine = deflate_engine_new();
    struct buffer out = {0};
    char noise[5000];
    random_bytes(noise, sizeof(noise));
    memset(noise, 'a', DEFLATE_WORTH_BYTES);
    assert_false(deflate_compress(engine, 15, span_of(noise, DEFLATE_WORTH_BYTES - 1), &out));
    assert_int_equal(out.length, 0);
    assert_true(deflate_compress(engine, 15, span_of(noise, DEFLATE_WORTH_BYTES), &out));
    buffer_clear(&out);
    assert_false(deflate_compress(
        engine, 15, span_of(noise + DEFLATE_WORTH_BYTES, sizeof(noise) - DEFLATE_WORTH_BYTES),
        &out));
    assert_int_equal(out.length, 0);
    buffer_fini(&out);
    deflate_engine_destroy(&engine);
}

/* What comes in: valid, invalid, and after an error the engine is as good as new. */
static void inflating(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        size_t limit;
        int result;
        const char *text;
    } rows[] = {
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 5, 0, "Hello"},
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 4, -EMSGSIZE, NULL},
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 0, -EMSGSIZE, NULL},
        {"\xf2\x00\x11\x00\x00", 5, 100, -EBADMSG, NULL}, /* needs the context of another message */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, 5, 0, "Hello"}, /* final block, §7.2.3.4 */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00", 7, 5, 0, "Hello"},     /* and nothing after it */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00", 14, 10, 0, "HelloHello"},
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00", 14, 9, -EMSGSIZE, NULL},
        {"\x00", 1, 0, 0, ""},
        {"\x02\x00", 2, 0, 0, ""},
        {"", 0, 0, 0, ""},
        {"\xff", 1, 100, -EBADMSG, NULL},
        {"\x07", 1, 100, -EBADMSG, NULL},                 /* block type 3 */
        {"\x00\x05\x00\x00\x00", 5, 100, -EBADMSG, NULL}, /* stored length and its complement */
        {"\xf2\x48\xcd", 3, 100, -EBADMSG, NULL},         /* cut off */
        {"\xf2\x48\xcd\xc9\xc9\x07", 6, 100, -EBADMSG, NULL},
    };
    struct deflate_engine *engine = deflate_engine_new();
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct span text;
        int r =
            deflate_inflate(engine, span_of(rows[i].bytes, rows[i].length), rows[i].limit, &text);
        if (r != rows[i].result || (r == 0 && !span_is(text, rows[i].text)))
            fail_msg("row %zu: %d", i, r);
    }
    deflate_engine_destroy(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negotiation),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(not_worth_it),
        cmocka_unit_test(inflating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
