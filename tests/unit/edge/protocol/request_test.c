/* The head of a request, RFC 9112; each case is fed whole and byte by byte. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/request.h"

enum { LIMIT = 512 };

#define HOST    "Host: a\r\n"
#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define SIXTY   TEN TEN TEN TEN TEN TEN

struct request_case {
    const char *name;
    const char *bytes;
    int status;    /* 0: accepted; -EAGAIN: not complete */
    size_t length; /* of bytes, when a NUL is among them */
};

static const struct request_case cases[] = {
    {"plain", "GET / HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"HEAD", "HEAD / HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"9112 2.2 one empty line before", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"9112 2.2 two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 2.3 a later minor version", "GET / HTTP/1.2\r\n" HOST "\r\n", 0, 0},
    {"9112 3.2 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, 0},
    {"9112 3.2.2 absolute-form", "GET ws://a:80/b HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"9112 5.1 no blank after the colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", 0, 0},
    {"9112 5.1 empty value", "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", 0, 0},
    {"9110 5.5 obs-text in a value", "GET / HTTP/1.1\r\n" HOST "X: \xe9\xff\r\n\r\n", 0, 0},
    {"9110 5.5 tab in a value", "GET / HTTP/1.1\r\n" HOST "X: a\tb\r\n\r\n", 0, 0},
    {"9112 6.3 Content-Length: 0", "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0, 0},
    {"not complete: nothing", "", -EAGAIN, 0},
    {"not complete: one line", "GET / HTTP/1.1\r\n", -EAGAIN, 0},
    {"not complete: last LF missing", "GET / HTTP/1.1\r\n" HOST "\r", -EAGAIN, 0},
    /* line ends */
    {"9112 2.2 bare LF", "GET / HTTP/1.1\n" HOST "\r\n", 400, 0},
    {"9112 2.2 bare LF in headers", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, 0},
    {"9112 2.2 bare LF at the end", "GET / HTTP/1.1\r\n" HOST "\n", 400, 0},
    {"9112 2.2 bare CR", "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400, 0},
    {"9112 2.2 CR CR LF", "GET / HTTP/1.1\r\r\n" HOST "\r\n", 400, 0},
    {"9112 5.2 folded header", "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400, 0},
    {"9112 5.2 folded with a tab", "GET / HTTP/1.1\r\n" HOST "\tfolded: a\r\n\r\n", 400, 0},
    {"9112 2.2 blank before the first header", "GET / HTTP/1.1\r\n " HOST "\r\n", 400, 0},
    {"9110 5.5 NUL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400, 35},
    {"9110 5.5 control in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, 0},
    {"9110 5.5 DEL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400, 0},
    {"TLS on the plain port", "\x16\x03\x01\x02", 400, 0},
    /* request line */
    {"9112 3 two blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3 tab as blank", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3 leading blank", " GET / HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3 blank at the end", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400, 0},
    {"9112 3 no version", "GET /\r\n" HOST "\r\n", 400, 0},
    {"9112 3 no target", "GET HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3 blank in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.1 method is no token", "G@T / HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2 no slash", "GET a HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2 fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2 not ASCII", "GET /\xe9 HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2.2 no authority", "GET http:///b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2.2 only a scheme", "GET http:// HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2.2 userinfo", "GET http://u@a/b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2.2 other scheme", "GET ftp://a/b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 3.2.4 asterisk", "GET * HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"9110 15.5.6 POST", "POST / HTTP/1.1\r\n" HOST "\r\n", 405, 0},
    {"9110 15.5.6 OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405, 0},
    {"9110 9.1 methods have case", "get / HTTP/1.1\r\n" HOST "\r\n", 405, 0},
    {"9110 15.6.6 HTTP/1.0", "GET / HTTP/1.0\r\n" HOST "\r\n", 505, 0},
    {"9110 15.6.6 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505, 0},
    {"9112 2.3 HTTP/11", "GET / HTTP/11\r\n" HOST "\r\n", 400, 0},
    {"9112 2.3 HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", 400, 0},
    {"9112 2.3 http/1.1", "GET / http/1.1\r\n" HOST "\r\n", 400, 0},
    {"9112 2.3 HTTP/1.x", "GET / HTTP/1.x\r\n" HOST "\r\n", 400, 0},
    /* headers */
    {"9112 5.1 blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, 0},
    {"9112 5.1 no colon", "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400, 0},
    {"9112 5.1 no name", "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400, 0},
    {"9112 5.1 name is no token", "GET / HTTP/1.1\r\n" HOST "a(b: a\r\n\r\n", 400, 0},
    {"9112 5.1 name not ASCII", "GET / HTTP/1.1\r\n" HOST "\xe9: a\r\n\r\n", 400, 0},
    {"9112 3.2 no Host", "GET / HTTP/1.1\r\n\r\n", 400, 0},
    {"9112 3.2 two Hosts", "GET / HTTP/1.1\r\n" HOST "host: b\r\n\r\n", 400, 0},
    {"9112 3.2 the same Host twice", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, 0},
    {"9112 3.2 Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 0},
    {"9112 3.2 Host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 0},
    {"9112 3.2 Host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, 0},
    /* no body, so nothing to smuggle in */
    {"9112 6.3 a body", "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 400, 0},
    {"9112 6.3 negative", "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, 0},
    {"9112 6.3 list", "GET / HTTP/1.1\r\n" HOST "Content-Length: 0, 0\r\n\r\n", 400, 0},
    {"9112 6.3 empty", "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400, 0},
    {"9112 6.3 twice", "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
     400, 0},
    {"9112 6.1 chunked", "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400, 0},
    {"9112 6.1 both",
     "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0},
    {"9112 6.1 twice",
     "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n", 400, 0},
    {"9112 6.1 identity", "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400, 0},
    /* size: "GET /" is 5 bytes, " HTTP/1.1\r\n" 11, HOST 9, the end 2 */
    {"6585 5 limit reached",
     "GET /" HUNDRED HUNDRED HUNDRED HUNDRED SIXTY TEN TEN "01234 HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"6585 5 limit exceeded",
     "GET /" HUNDRED HUNDRED HUNDRED HUNDRED SIXTY TEN TEN "012345 HTTP/1.1\r\n" HOST "\r\n", 431,
     0},
    {"9110 15.5.15 the line alone", "GET /" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, 414,
     0},
};

static int parse(struct buffer *bytes, size_t limit, bool bytewise, struct request *request,
                 struct refusal *refusal)
{
    struct request_parser parser;
    request_parser_init(&parser, limit);
    int r = -EAGAIN;
    for (size_t given = bytewise ? 1 : bytes->length; given <= bytes->length; given++) {
        r = request_parse(&parser, bytes->data, given, request, refusal);
        if (r != -EAGAIN)
            break;
    }
    return r;
}

static void run_case(const struct request_case *row, bool bytewise)
{
    struct buffer bytes = {0};
    struct request request = {.consumed = 4711};
    struct refusal refusal = {0};
    size_t length = row->length ? row->length : strlen(row->bytes);
    buffer_append(&bytes, row->bytes, length);
    int r = parse(&bytes, LIMIT, bytewise, &request, &refusal);
    int got = r == -EBADMSG ? refusal.status : r;
    if (got != row->status)
        fail_msg("%s: expected %d, got %d", row->name, row->status, got);
    if (r == 0)
        assert_int_equal(request.consumed, length);
    else
        assert_int_equal(request.consumed, 4711); /* untouched */
    if (r == -EBADMSG)
        assert_non_null(refusal.detail);
    buffer_fini(&bytes);
}

static void cases_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        run_case(&cases[i], false);
        run_case(&cases[i], true);
    }
}

static void contents(void **state)
{
    (void)state;
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct buffer bytes = {0};
        struct request request;
        struct refusal refusal;
        struct span value;
        size_t position = 0;
        buffer_append_text(&bytes, "GET /chat/a%20b?x=1?y HTTP/1.1\r\nHoSt: example.com:80\r\n"
                                   "X-Two:  one \t\r\nOther: a: b\r\nx-tWO: two\r\n\r\n\x81\x80");
        assert_int_equal(parse(&bytes, LIMIT, bytewise, &request, &refusal), 0);
        assert_int_equal(request.consumed, bytes.length - 2);
        assert_false(request.is_head);
        assert_true(request.has_query);
        assert_true(span_is(request.target, "/chat/a%20b?x=1?y"));
        assert_true(span_is(request.path, "/chat/a%20b"));
        assert_true(span_is(request.query, "x=1?y"));
        assert_true(span_is(request.host, "example.com:80"));
        assert_int_equal(request.header_count, 4);
        assert_true(span_is(request.headers[0].name, "host"));
        assert_true(span_is(request.headers[3].name, "x-two"));
        assert_int_equal(request_header(&request, "other", &value), 0);
        assert_true(span_is(value, "a: b"));
        assert_int_equal(request_header(&request, "x-two", &value), -EEXIST);
        assert_int_equal(request_header(&request, "absent", &value), -ENOENT);
        assert_true(request_header_next(&request, "x-two", &position, &value));
        assert_true(span_is(value, "one"));
        assert_true(request_header_next(&request, "x-two", &position, &value));
        assert_true(span_is(value, "two"));
        assert_false(request_header_next(&request, "x-two", &position, &value));
        buffer_fini(&bytes);
    }
}

static void targets(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *target, *path, *query;
    } rows[] = {
        {"/", "/", "/", NULL},
        {"/?", "/?", "/", ""},
        {"//a", "//a", "//a", NULL},
        {"http://h", "/", "/", NULL},
        {"HTTP://h:1/", "/", "/", NULL},
        {"wss://[::1]:1/a?b", "/a?b", "/a", "b"},
        {"/a{|}\"<>", "/a{|}\"<>", "/a{|}\"<>", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct buffer bytes = {0};
        struct request request;
        struct refusal refusal;
        buffer_append_format(&bytes, "GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i].sent);
        assert_int_equal(parse(&bytes, LIMIT, false, &request, &refusal), 0);
        assert_true(span_is(request.target, rows[i].target));
        assert_true(span_is(request.path, rows[i].path));
        assert_int_equal(request.has_query, rows[i].query != NULL);
        assert_true(span_is(request.query, rows[i].query ? rows[i].query : ""));
        buffer_fini(&bytes);
    }
}

/* The line may move between two calls: the caller's buffer grows. */
static void buffer_may_move(void **state)
{
    (void)state;
    const char *text = "GET /a HTTP/1.1\r\nHOST: b\r\n\r\n";
    struct request_parser parser;
    struct request request;
    struct refusal refusal;
    request_parser_init(&parser, LIMIT);
    size_t length = strlen(text);
    char *old = xmemdup0(text, 20);
    assert_int_equal(request_parse(&parser, old, 20, &request, &refusal), -EAGAIN);
    char *moved = xmalloc(length);
    memcpy(moved, old, 20);
    memcpy(moved + 20, text + 20, length - 20);
    free(old);
    assert_int_equal(request_parse(&parser, moved, length, &request, &refusal), 0);
    assert_true(span_is(request.host, "b"));
    free(moved);
}

static void header_flood(void **state)
{
    (void)state;
    for (size_t count = REQUEST_HEADERS_MAX; count <= REQUEST_HEADERS_MAX + 1; count++) {
        struct buffer bytes = {0};
        struct request request;
        struct refusal refusal = {0};
        buffer_append_text(&bytes, "GET / HTTP/1.1\r\n" HOST);
        for (size_t i = 1; i < count; i++)
            buffer_append_text(&bytes, "x: y\r\n");
        buffer_append_text(&bytes, "\r\n");
        int r = parse(&bytes, 1 << 20, false, &request, &refusal);
        assert_int_equal(r, count > REQUEST_HEADERS_MAX ? -EBADMSG : 0);
        assert_int_equal(refusal.status, count > REQUEST_HEADERS_MAX ? 431 : 0);
        buffer_fini(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_of_the_rfc), cmocka_unit_test(contents),
        cmocka_unit_test(targets),          cmocka_unit_test(buffer_may_move),
        cmocka_unit_test(header_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
