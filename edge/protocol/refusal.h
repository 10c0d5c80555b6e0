/* A refusal: the plain HTTP answer to a client that gets no WebSocket (RFC 9110, RFC 6455 §4.2.2).
 *
 * The parser and the handshake say why by a `struct refusal` (what a stranger did wrong); the
 * backend, a limit or a time-out by a status alone. Either way one response is written, after which
 * the connection is closed: there is no second request on a socket.
 *
 * Pure functions over buffers; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_REFUSAL_H
#define SLIP_EDGE_PROTOCOL_REFUSAL_H

#include "common/base/buffer.h"

struct refusal {
    int status;         /* 4xx or 5xx */
    const char *detail; /* a sentence of static text, for the body and the log */
};

/* A header that the backend or the edge adds to a response. */
struct response_header {
    struct span name;
    struct span value;
};

/* May this header be added? As the contract has it (rules_check_header_name, …_value): none that
 * frames the response, and no control character, so that nobody can split it (RFC 9110 §5.5). */
bool response_header_is_valid(const struct response_header *header);

/* Appends "name: value\r\n" for each valid header and skips the others. */
void response_headers_append(struct buffer *out, const struct response_header *headers,
                             size_t count);

/* May a backend refuse with this status? 400 … 599, and the redirects 301, 302, 303, 307, 308. */
bool refusal_status_is_valid(int status);

/* The reason phrase of RFC 9110 §15, or that of the class ("Client Error"); static text. */
const char *refusal_phrase(int status);

/* Appends the whole response: status line, Connection: close, Content-Length, what the status
 * demands (405: Allow, RFC 9110 §15.5.6; 426: Upgrade and Sec-WebSocket-Version, RFC 6455 §4.4),
 * the valid ones of `headers`, and the body: text/plain unless `headers` has a Content-Type, the
 * reason phrase when `body` is empty, nothing when `head_only` (the answer to HEAD). A status that
 * is not valid (a backend chose it) becomes 403. */
void refusal_append(struct buffer *out, int status, struct span body,
                    const struct response_header *headers, size_t header_count, bool head_only);

#endif
