/* The opening handshake: RFC 6455 §4.2, RFC 7692 §5. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/handshake.h"

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECT "Connection: Upgrade\r\n"
#define GOOD    UPGRADE CONNECT VERSION KEY

struct handshake_case {
    const char *name;
    const char *headers;
    int status;               /* 0: accepted */
    const char *subprotocols; /* when accepted */
    const char *extensions;   /* of the answer; NULL: none */
};

#define DEFLATE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const struct handshake_case cases[] = {
    {"4.2.1 good", GOOD, 0, "", NULL},
    {"4.2.1-3 Upgrade has no case", "Upgrade: WebSocket\r\n" CONNECT VERSION KEY, 0, "", NULL},
    {"4.2.1-3 Upgrade list", "Upgrade: h2c, websocket\r\n" CONNECT VERSION KEY, 0, "", NULL},
    {"4.2.1-4 Connection list", UPGRADE "Connection: keep-alive, uPGRADE\r\n" VERSION KEY, 0, "",
     NULL},
    {"4.2.1-4 two Connection headers", UPGRADE "Connection: keep-alive\r\n" CONNECT VERSION KEY, 0,
     "", NULL},
    {"plain request", "", 426, NULL, NULL},
    {"4.2.1-3 no Upgrade", CONNECT VERSION KEY, 426, NULL, NULL},
    {"4.2.1-3 other Upgrade", "Upgrade: h2c\r\n" CONNECT VERSION KEY, 426, NULL, NULL},
    {"4.2.1-3 not the token", "Upgrade: websockets\r\n" CONNECT VERSION KEY, 426, NULL, NULL},
    {"4.2.1-4 no Connection", UPGRADE VERSION KEY, 400, NULL, NULL},
    {"4.2.1-4 other Connection", UPGRADE "Connection: close\r\n" VERSION KEY, 400, NULL, NULL},
    {"4.2.1-6 no version", UPGRADE CONNECT KEY, 426, NULL, NULL},
    {"4.4 version 8", UPGRADE CONNECT "Sec-WebSocket-Version: 8\r\n" KEY, 426, NULL, NULL},
    {"4.4 version list", UPGRADE CONNECT "Sec-WebSocket-Version: 13, 8\r\n" KEY, 426, NULL, NULL},
    {"4.4 version 013", UPGRADE CONNECT "Sec-WebSocket-Version: 013\r\n" KEY, 426, NULL, NULL},
    {"11.3.5 version twice", GOOD VERSION, 400, NULL, NULL},
    {"4.2.1-5 no key", UPGRADE CONNECT VERSION, 400, NULL, NULL},
    {"11.3.1 key twice", GOOD KEY, 400, NULL, NULL},
    {"4.2.1-5 key of 15 bytes",
     UPGRADE CONNECT VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n", 400, NULL, NULL},
    {"4.2.1-5 key of 17 bytes",
     UPGRADE CONNECT VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQE=\r\n", 400, NULL, NULL},
    {"4.2.1-5 key not base64",
     UPGRADE CONNECT VERSION "Sec-WebSocket-Key: dGhlIHNhbXBs!SBub25jZQ==\r\n", 400, NULL, NULL},
    {"4.2.1-5 key of blanks", UPGRADE CONNECT VERSION "Sec-WebSocket-Key:   \r\n", 400, NULL, NULL},
    /* §4.1 item 10, §11.3.4: subprotocols */
    {"11.3.4 one", GOOD "Sec-WebSocket-Protocol: chat\r\n", 0, "chat", NULL},
    {"11.3.4 two", GOOD "Sec-WebSocket-Protocol: chat , b\r\n", 0, "chat,b", NULL},
    {"11.3.4 two headers", GOOD "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, A\r\n", 0,
     "a,b,A", NULL},
    {"9110 5.6.1 empty elements", GOOD "Sec-WebSocket-Protocol: ,a,, b,\r\n", 0, "a,b", NULL},
    {"11.3.4 empty", GOOD "Sec-WebSocket-Protocol:\r\n", 400, NULL, NULL},
    {"11.3.4 only commas", GOOD "Sec-WebSocket-Protocol: ,,\r\n", 400, NULL, NULL},
    {"11.3.4 no token", GOOD "Sec-WebSocket-Protocol: a b\r\n", 400, NULL, NULL},
    {"11.3.4 no token after a good one", GOOD "Sec-WebSocket-Protocol: a, b/c\r\n", 400, NULL,
     NULL},
    {"4.1-10 repeated", GOOD "Sec-WebSocket-Protocol: a, b, a\r\n", 400, NULL, NULL},
    /* §9.1, RFC 7692: extensions */
    {"7692 offered", GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n", 0, "", DEFLATE},
    {"7692 browser's offer",
     GOOD "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", 0, "",
     DEFLATE},
    {"7692 7.1.2.1 window",
     GOOD "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n", 0, "",
     DEFLATE "; server_max_window_bits=10"},
    {"9.1 unknown extension", GOOD "Sec-WebSocket-Extensions: x-other; a=b\r\n", 0, "", NULL},
    {"9.1 second header",
     GOOD "Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", 0, "",
     DEFLATE},
    {"9.1 first acceptable of two headers",
     GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: "
          "permessage-deflate; server_max_window_bits=9\r\n",
     0, "", DEFLATE},
    {"9.1 malformed", GOOD "Sec-WebSocket-Extensions: permessage-deflate; =\r\n", 400, NULL, NULL},
    {"9.1 malformed after a good header",
     GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: ;\r\n", 400,
     NULL, NULL},
};

/* Parses a request with these headers; `bytes` must live as long as the request. */
static void make_request(struct buffer *bytes, const char *method, const char *headers,
                         struct request *ret_request)
{
    struct request_parser parser;
    struct refusal refusal;
    buffer_append_format(bytes, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, headers);
    request_parser_init(&parser, 16384);
    assert_int_equal(request_parse(&parser, bytes->data, bytes->length, ret_request, &refusal), 0);
}

static void run_case(const struct handshake_case *row)
{
    struct buffer bytes = {0}, answer = {0};
    struct request request;
    struct refusal refusal = {0};
    struct handshake handshake = {0};
    make_request(&bytes, "GET", row->headers, &request);
    int r = handshake_init(&handshake, &request, true, &refusal);
    if ((r == -EBADMSG ? refusal.status : r) != row->status)
        fail_msg("%s: expected %d, got %d (%d)", row->name, row->status, r, refusal.status);
    if (r == 0) {
        if (!span_is(handshake_subprotocols(&handshake), row->subprotocols))
            fail_msg("%s: wrong subprotocols", row->name);
        struct buffer expected = {0};
        buffer_append_format(&expected,
                             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%s%s%s\r\n",
                             row->extensions ? "Sec-WebSocket-Extensions: " : "",
                             row->extensions ? row->extensions : "", row->extensions ? "\r\n" : "");
        handshake_append_accepted(&answer, &handshake, span_of(NULL, 0), NULL, 0);
        if (!span_equal(buffer_span(&answer), buffer_span(&expected)))
            fail_msg("%s: answered %.*s", row->name, SPAN_ARGS(buffer_span(&answer)));
        buffer_fini(&expected);
    }
    handshake_fini(&handshake);
    buffer_fini(&bytes);
    buffer_fini(&answer);
}

static void cases_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        run_case(&cases[i]);
}

static void head_is_no_upgrade(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct request request;
    struct refusal refusal = {0};
    struct handshake handshake;
    make_request(&bytes, "HEAD", GOOD, &request);
    assert_true(request.is_head);
    assert_int_equal(handshake_init(&handshake, &request, true, &refusal), -EBADMSG);
    assert_int_equal(refusal.status, 426);
    buffer_fini(&bytes);
}

static void deflate_switched_off(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct request request;
    struct refusal refusal;
    struct handshake handshake;
    make_request(&bytes, "GET", GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n", &request);
    assert_int_equal(handshake_init(&handshake, &request, false, &refusal), 0);
    assert_int_equal(handshake.deflate.window_bits, 0);
    handshake_fini(&handshake);
    buffer_fini(&bytes);
}

static bool answers(const struct handshake *handshake, const char *subprotocol,
                    const struct response_header *header, const char *line)
{
    struct buffer answer = {0};
    handshake_append_accepted(&answer, handshake, span_text(subprotocol), header, header ? 1 : 0);
    buffer_append_byte(&answer, '\0');
    bool found = strstr(answer.data, line) != NULL;
    assert_true(strcmp(answer.data + answer.length - 5, "\r\n\r\n") == 0);
    assert_ptr_equal(strstr(answer.data, "\r\n\r\n"), answer.data + answer.length - 5);
    buffer_fini(&answer);
    return found;
}

/* §4.2.2: the request is forgotten, the answer comes later; only what was offered is chosen. */
static void chosen_subprotocol_and_headers(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct request request;
    struct refusal refusal;
    struct handshake handshake;
    make_request(&bytes, "GET", GOOD "Sec-WebSocket-Protocol: chat, chat2\r\n", &request);
    assert_int_equal(handshake_init(&handshake, &request, true, &refusal), 0);
    buffer_fini(&bytes);
    assert_true(handshake_offers(&handshake, span_text("chat2")));
    assert_false(handshake_offers(&handshake, span_text("CHAT")));
    assert_false(handshake_offers(&handshake, span_text("chat,chat2")));
    assert_false(handshake_offers(&handshake, span_text("")));
    assert_true(answers(&handshake, "chat", NULL, "\r\nSec-WebSocket-Protocol: chat\r\n"));
    assert_false(answers(&handshake, "other", NULL, "Protocol:"));
    struct response_header good = {span_text("Set-Cookie"), span_text("a=b")};
    struct response_header split = {span_text("X"), span_text("a\r\nY: b")};
    struct response_header own = {span_text("sec-webSocket-accept"), span_text("x")};
    assert_true(answers(&handshake, "", &good, "\r\nSet-Cookie: a=b\r\n"));
    assert_false(answers(&handshake, "", &split, "Y: b"));
    assert_false(answers(&handshake, "", &own, "sec-webSocket"));
    handshake_fini(&handshake);
    handshake_fini(&handshake); /* harmless */
}

static void too_many_subprotocols(void **state)
{
    (void)state;
    for (size_t count = HANDSHAKE_SUBPROTOCOLS_MAX; count <= HANDSHAKE_SUBPROTOCOLS_MAX + 1;
         count++) {
        struct buffer bytes = {0}, headers = {0};
        struct request request;
        struct refusal refusal;
        struct handshake handshake = {0};
        buffer_append_text(&headers, GOOD "Sec-WebSocket-Protocol: p");
        for (size_t i = 1; i < count; i++)
            buffer_append_format(&headers, ", p%zu", i);
        buffer_append_text(&headers, "\r\n");
        buffer_append_byte(&headers, '\0');
        make_request(&bytes, "GET", headers.data, &request);
        assert_int_equal(handshake_init(&handshake, &request, true, &refusal),
                         count > HANDSHAKE_SUBPROTOCOLS_MAX ? -EBADMSG : 0);
        handshake_fini(&handshake);
        buffer_fini(&headers);
        buffer_fini(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_of_the_rfc),      cmocka_unit_test(head_is_no_upgrade),
        cmocka_unit_test(deflate_switched_off),  cmocka_unit_test(chosen_subprotocol_and_headers),
        cmocka_unit_test(too_many_subprotocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
