/* HAProxy's PROXY protocol, versions 1 (text) and 2 (binary). Each case is also fed byte by byte:
 * until it is complete it must ask for more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/buffer.h"
#include "edge/protocol/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\xc0\x00\x02\x01\x0a\x00\x00\x01\x30\x39\x01\xbb"
#define ZEROS_8   "\0\0\0\0\0\0\0\0"
#define V6                                  \
    "\x20\x01\x0d\xb8" ZEROS_8 "\0\0\0\x01" \
    "\x20\x01\x0d\xb8" ZEROS_8 "\0\0\0\x02" \
    "\0\x01\0\x02"
#define MAPPED      ZEROS_8 "\0\0\xff\xff\xc0\x00\x02\x01" ZEROS_8 ZEROS_8 "\0\x01\0\x02"
#define ZEROS_72    ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8
#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    int result;
    const char *source; /* NULL: none */
} cases[] = {
    {"v1 TCP4", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n"), 0, "192.0.2.1"},
    {"v1 TCP6", BYTES("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), 0, "2001:db8::1"},
    {"v1 TCP6 mapped", BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), 0, "192.0.2.1"},
    {"v1 UNKNOWN", BYTES("PROXY UNKNOWN\r\n"), 0, NULL},
    {"v1 UNKNOWN with rest", BYTES("PROXY UNKNOWN ff:ff whatever\r\n"), 0, NULL},
    {"v1 other word", BYTES("PROXY UNKNOWNS\r\n"), -EBADMSG, NULL},
    {"v1 UDP", BYTES("PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 nothing", BYTES("PROXY \r\n"), -EBADMSG, NULL},
    {"v1 lower case", BYTES("proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 bare LF", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"), -EBADMSG, NULL},
    {"v1 v6 as TCP4", BYTES("PROXY TCP4 ::1 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 v4 as TCP6", BYTES("PROXY TCP6 ::1 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 bad source", BYTES("PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 bad destination", BYTES("PROXY TCP4 192.0.2.1 10.0.0 1 2\r\n"), -EBADMSG, NULL},
    {"v1 port too large", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n"), -EBADMSG, NULL},
    {"v1 port missing", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"), -EBADMSG, NULL},
    {"v1 only TCP4", BYTES("PROXY TCP4 \r\n"), -EBADMSG, NULL},
    {"v1 surplus", BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"), -EBADMSG, NULL},
    {"v1 two blanks", BYTES("PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n"), -EBADMSG, NULL},
    {"v1 not complete", BYTES("PROXY TCP4 192.0.2.1"), -EAGAIN, NULL},
    {"v1 nothing yet", BYTES(""), -EAGAIN, NULL},
    {"v2 TCP4", BYTES(SIGNATURE "\x21\x11\x00\x0c" V4), 0, "192.0.2.1"},
    {"v2 UDP4", BYTES(SIGNATURE "\x21\x12\x00\x0c" V4), 0, "192.0.2.1"},
    {"v2 TCP6", BYTES(SIGNATURE "\x21\x21\x00\x24" V6), 0, "2001:db8::1"},
    {"v2 TCP6 mapped", BYTES(SIGNATURE "\x21\x21\x00\x24" MAPPED), 0, "192.0.2.1"},
    {"v2 TLVs", BYTES(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04tlv!"), 0, "192.0.2.1"},
    {"v2 LOCAL", BYTES(SIGNATURE "\x20\x00\x00\x00"), 0, NULL},
    {"v2 LOCAL with addresses", BYTES(SIGNATURE "\x20\x11\x00\x0c" V4), 0, NULL},
    {"v2 LOCAL of an odd family", BYTES(SIGNATURE "\x20\x77\x00\x02zz"), 0, NULL},
    {"v2 UNSPEC", BYTES(SIGNATURE "\x21\x00\x00\x02zz"), 0, NULL},
    {"v2 unix", BYTES(SIGNATURE "\x21\x31\x00\xd8" ZEROS_72 ZEROS_72 ZEROS_72), 0, NULL},
    {"v2 unix too short", BYTES(SIGNATURE "\x21\x31\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 version 3", BYTES(SIGNATURE "\x31\x11\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 version 1", BYTES(SIGNATURE "\x11\x11\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 command 2", BYTES(SIGNATURE "\x22\x11\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 family 4", BYTES(SIGNATURE "\x21\x41\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 transport 3", BYTES(SIGNATURE "\x21\x13\x00\x0c" V4), -EBADMSG, NULL},
    {"v2 TCP4 too short", BYTES(SIGNATURE "\x21\x11\x00\x0b" V4), -EBADMSG, NULL},
    {"v2 TCP6 too short", BYTES(SIGNATURE "\x21\x21\x00\x23" V6), -EBADMSG, NULL},
    {"v2 too long", BYTES(SIGNATURE "\x21\x11\x0f\xf1" V4), -EBADMSG, NULL},
    {"v2 longest, not complete", BYTES(SIGNATURE "\x21\x11\x0f\xf0" V4), -EAGAIN, NULL},
    {"v2 wrong signature", BYTES("\r\n\r\n\0\r\nQUIX"), -EBADMSG, NULL},
    {"no header at all", BYTES("GET / HTTP/1.1\r\n"), -EBADMSG, NULL},
    {"almost", BYTES("PROXZ"), -EBADMSG, NULL},
};

static void check_row(size_t row, size_t given)
{
    struct proxy_header header;
    char *copy = xmalloc(given + 1); /* + 1: a size of its own also when empty */
    memcpy(copy, cases[row].bytes, given);
    int r = proxy_protocol_parse(span_of(copy, given), &header);
    int expected = given >= cases[row].length ? cases[row].result : -EAGAIN;
    if (r != expected && !(cases[row].result == -EBADMSG && r == -EBADMSG))
        fail_msg("%s, %zu bytes: %d", cases[row].name, given, r);
    if (r == 0) {
        char text[CLIENT_ADDRESS_TEXT_MAX];
        assert_int_equal(header.consumed, cases[row].length);
        assert_int_equal(header.has_source, cases[row].source != NULL);
        client_address_format(&header.source, text);
        if (cases[row].source)
            assert_string_equal(text, cases[row].source);
    }
    free(copy);
}

static void headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        for (size_t given = 0; given <= cases[i].length; given++)
            check_row(i, given);
}

static void handshake_follows(void **state)
{
    (void)state;
    struct proxy_header header;
    assert_int_equal(
        proxy_protocol_parse(span_text("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"), &header), 0);
    assert_int_equal(header.consumed, 15);
}

/* Section 2.1: 107 bytes with CRLF, and not one more. */
static void longest_line(void **state)
{
    (void)state;
    struct buffer line = {0};
    struct proxy_header header;
    buffer_append_text(&line, "PROXY UNKNOWN ");
    while (line.length < 105)
        buffer_append_byte(&line, 'x');
    assert_int_equal(proxy_protocol_parse(buffer_span(&line), &header), -EAGAIN);
    buffer_append_text(&line, "\r\n");
    assert_int_equal(proxy_protocol_parse(buffer_span(&line), &header), 0);
    line.length = 105;
    buffer_append_text(&line, "x\r");
    assert_int_equal(proxy_protocol_parse(buffer_span(&line), &header), -EBADMSG);
    buffer_append_text(&line, "\n");
    assert_int_equal(proxy_protocol_parse(buffer_span(&line), &header), -EBADMSG);
    buffer_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(handshake_follows),
        cmocka_unit_test(longest_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
