/* The first byte says in pieces of which size the rest, an HTTP answer, comes: that must make no
 * difference. */
#include "tests/fuzz/fuzz.h"
#include "webhook-worker/http/answer.h"

enum { BODY_LIMIT = 1000, INPUT_LIMIT = 32 << 10 };

static void read_answer(struct http_answer *answer, struct span text, size_t piece)
{
    http_answer_init(answer);
    http_answer_begin(answer, BODY_LIMIT);
    for (size_t at = 0; at < text.length; at += piece)
        (void)http_answer_feed(answer, text.data + at, min_size(piece, text.length - at));
    (void)http_answer_end(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_answer whole, pieces;
    if (size < 2 || size > INPUT_LIMIT)
        return 0;
    struct span text = span_of(data + 1, size - 1);
    read_answer(&whole, text, text.length);
    read_answer(&pieces, text, (size_t)data[0] + 1);
    ASSERT(whole.state == pieces.state && whole.status == pieces.status);
    if (whole.state != HTTP_ANSWER_TOO_BIG) /* the piece that is too much is left out */
        ASSERT(span_equal(buffer_span(&whole.body), buffer_span(&pieces.body)));
    if (whole.state == HTTP_ANSWER_COMPLETE)
        ASSERT(whole.retry_after.length == pieces.retry_after.length &&
               strcmp(whole.retry_after.data, pieces.retry_after.data) == 0);
    ASSERT(whole.body.length <= BODY_LIMIT && whole.status < 1000);
    ASSERT(http_answer_retry_after_ms(&whole) >= 0 && http_answer_problem(&whole));
    http_answer_fini(&whole);
    http_answer_fini(&pieces);
    return 0;
}
