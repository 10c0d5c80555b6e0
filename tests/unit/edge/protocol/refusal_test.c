#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/refusal.h"

#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"

static void check(int status, const char *body, const struct response_header *headers, size_t count,
                  bool head_only, const char *expected)
{
    struct buffer out = {0};
    refusal_append(&out, status, span_text(body), headers, count, head_only);
    buffer_append_byte(&out, '\0');
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void responses(void **state)
{
    (void)state;
    check(403, "no", NULL, 0, false,
          "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n" TEXT "Content-Length: 2\r\n\r\nno");
    check(504, NULL, NULL, 0, false,
          "HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n" TEXT
          "Content-Length: 15\r\n\r\nGateway Timeout");
    check(403, "no", NULL, 0, true,
          "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n" TEXT "Content-Length: 2\r\n\r\n");
    check(405, "no", NULL, 0, false,
          "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nAllow: GET, HEAD\r\n" TEXT
          "Content-Length: 2\r\n\r\nno");
    check(426, "no", NULL, 0, false,
          "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\n" TEXT "Content-Length: 2\r\n\r\nno");
}

static void headers(void **state)
{
    (void)state;
    const struct response_header given[] = {
        {span_text("content-type"), span_text("application/json")},
        {span_text("Retry-After"), span_text("1")},
        {span_text("Content-Length"), span_text("99")},
        {span_text("TRANSFER-ENCODING"), span_text("chunked")},
        {span_text("Sec-WebSocket-Accept"), span_text("x")},
        {span_text("X Y"), span_text("x")},
        {span_text(""), span_text("x")},
        {span_text("X"), span_text("a\r\nSet-Cookie: b")},
        {span_text("X"), span_text("a\nb")},
        {span_of("X", 1), span_of("a\0b", 3)},
        {span_text("X-Tab"), span_text("a\tb")},
    };
    check(503, "{}", given, ARRAY_LENGTH(given), false,
          "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
          "content-type: application/json\r\nRetry-After: 1\r\nX-Tab: a\tb\r\n"
          "Content-Length: 2\r\n\r\n{}");
    const struct response_header bad = {span_text("Content-Type"), span_text("a\r\n")};
    check(403, "no", &bad, 1, false,
          "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n" TEXT "Content-Length: 2\r\n\r\nno");
}

static void statuses(void **state)
{
    (void)state;
    static const int valid[] = {301, 302, 303, 307, 308, 400, 403, 418, 499, 500, 599};
    static const int invalid[] = {-1,  0,   100, 101, 200, 204, 300,
                                  304, 305, 306, 309, 399, 600, 99999};
    for (size_t i = 0; i < ARRAY_LENGTH(valid); i++)
        assert_true(refusal_status_is_valid(valid[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(invalid); i++) {
        assert_false(refusal_status_is_valid(invalid[i]));
        check(invalid[i], "no", NULL, 0, false,
              "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n" TEXT "Content-Length: 2\r\n\r\nno");
    }
    assert_string_equal(refusal_phrase(499), "Client Error");
    assert_string_equal(refusal_phrase(599), "Server Error");
    assert_string_equal(refusal_phrase(302), "Found");
    const struct response_header location = {span_text("Location"), span_text("/login")};
    check(307, NULL, &location, 1, false,
          "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\n" TEXT
          "Location: /login\r\nContent-Length: 18\r\n\r\nTemporary Redirect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(headers),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
