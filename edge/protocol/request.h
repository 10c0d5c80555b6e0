/* A request: the head of the HTTP/1.1 request with which a client asks for a WebSocket (RFC 9112).
 *
 *     received: [ request line | header | header | … | empty line ][ pipelined frames … ]
 *                 └──────────────── consumed ───────────────────┘
 *
 * Strict, because a proxy in front may read the same bytes: lines end with CRLF and nothing else,
 * no folded headers, no blank before a colon, exactly one Host, no body. What is refused, and with
 * which status:
 *
 *     400  malformed, no or two Hosts, a body announced (Content-Length > 0, Transfer-Encoding)
 *     405  a method other than GET and HEAD
 *     414  the request line alone exceeds the limit
 *     431  the head exceeds the limit, or has more than REQUEST_HEADERS_MAX headers
 *     505  a version other than HTTP/1.x, x ≥ 1
 *
 * The caller owns the bytes and calls again with all of them whenever some were added; the parser
 * remembers how far it has looked, so a client that sends byte by byte costs no more. One parser
 * lives in one pending connection; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_REQUEST_H
#define SLIP_EDGE_PROTOCOL_REQUEST_H

#include "edge/protocol/refusal.h"

enum { REQUEST_HEADERS_MAX = 128 };

struct request_header {
    struct span name;  /* in lower case */
    struct span value; /* without blanks at its ends; may hold bytes ≥ 0x80 that are no UTF-8 */
};

/* All spans point into the received bytes and live as long as those stay where they are. */
struct request {
    bool is_head;       /* HEAD instead of GET */
    bool has_query;     /* "/?" has a query, an empty one; "/" has none */
    struct span target; /* origin-form: path and query as sent, starting with "/" */
    struct span path;   /* up to the "?", still percent-encoded */
    struct span query;  /* after the "?", still encoded */
    struct span host;   /* the value of Host */
    size_t header_count;
    struct request_header headers[REQUEST_HEADERS_MAX];
    size_t consumed; /* length of the head; what follows are frames */
};

struct request_parser {
    size_t limit;        /* largest head in bytes */
    size_t scanned;      /* bytes looked at */
    size_t line;         /* where the line being scanned begins */
    size_t first_line;   /* where the request line begins: an empty line before it is skipped */
    size_t header_count; /* header lines seen */
    bool has_request_line;
    bool has_empty_line; /* one before the request line was skipped */
};

void request_parser_init(struct request_parser *parser, size_t limit_bytes);

/* Goes on with `data`, all `length` bytes received so far (the earlier ones unchanged). Header
 * names are lower-cased in place.
 * 0          complete: *ret_request is filled
 * -EAGAIN    more bytes are needed
 * -EBADMSG   refused: *ret_refusal says how; do not call again */
MUST_USE
int request_parse(struct request_parser *parser, char *data, size_t length,
                  struct request *ret_request, struct refusal *ret_refusal);

/* The value of the only header of that name (given in lower case). 0; -ENOENT: there is none;
 * -EEXIST: there are several. */
MUST_USE
int request_header(const struct request *request, const char *name, struct span *ret_value);

/* One after the other all headers of a name (lower case), in the order sent. Start with
 * *position = 0. True: *ret_value is the next one; false: no more. */
bool request_header_next(const struct request *request, const char *name, size_t *position,
                         struct span *ret_value);

#endif
