/* The answer to a request over plain HTTP/1.1, read as it streams in (RFC 9112 §4–§7, by
 * http_parser): interim answers are skipped, the body is gathered up to its limit, of the headers
 * only Retry-After is looked at.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_ANSWER_H
#define SLIP_WEBHOOK_WORKER_HTTP_ANSWER_H

#include <http_parser.h>

#include "common/base/buffer.h"

enum http_answer_state {
    HTTP_ANSWER_PARTIAL,
    HTTP_ANSWER_COMPLETE,
    HTTP_ANSWER_TOO_BIG, /* its head or its body */
    HTTP_ANSWER_INVALID, /* this is not HTTP */
};

/* As much of a text as is looked at; NUL-terminated, though there may be others in it. */
struct http_cut_text {
    size_t length;
    char data[64];
};

struct http_answer {
    http_parser parser;
    enum http_answer_state state;
    unsigned status; /* 0: there was no line of status yet, or only interim ones */
    struct buffer body;
    size_t body_limit;
    size_t head_bytes; /* read so far, interim answers included */
    bool is_head_over; /* ... and the rest is the body */
    bool is_last;      /* where it ends is not sure enough for another one to follow */
    bool keeps_alive;  /* the connection may be used again; when complete */
    bool is_in_value;  /* of a header, not in its name */
    /* When there may be a Retry-After: */
    struct http_cut_text name; /* of the current header */
    struct http_cut_text retry_after;
};

/* The limit on heads, of all answers of this process. */
void http_answer_limit_heads(uint32_t bytes);

/* Sets `body` up, which lasts until http_answer_fini(). */
void http_answer_init(struct http_answer *answer);
void http_answer_fini(struct http_answer *answer);

/* Another one is expected; the body's memory is kept. */
void http_answer_begin(struct http_answer *answer, size_t body_limit);

/* These bytes came. The state stays as it is once it is not PARTIAL. Bytes after a complete answer
 * belong to nothing: then it does not keep alive. */
enum http_answer_state http_answer_feed(struct http_answer *answer, const char *data,
                                        size_t length);

/* The connection has ended: that may be the end of a body of unknown length. */
enum http_answer_state http_answer_end(struct http_answer *answer);

/* Why it is INVALID, or that it is cut off. */
const char *http_answer_problem(const struct http_answer *answer);

/* Milliseconds that Retry-After asks for, in either form (RFC 9110 §10.2.3); 0: nothing valid. */
int64_t http_answer_retry_after_ms(const struct http_answer *answer);

#endif
