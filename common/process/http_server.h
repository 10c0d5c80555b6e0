/* A small HTTP/1.1 server inside the loop: for control's REST API and every program's admin pages.
 *
 *     head ─▶ on_arriving ─▶ body ─▶ on_request ─▶ http_request_answer, now or in a later turn,
 *                  │                     │              exactly once
 *                  │                     └───────▶ on_gone, if the client leaves before the answer
 *                  └─▶ http_request_answer: the body is thrown away, on_request never comes
 *
 * The whole body has arrived when on_request is called. A client that closes its sending side has
 * left. The server answers by itself what no
 * handler should see: 400 (not HTTP, bad target), 413 (body over the limit, not read on), 431
 * (headers over the limit). HEAD is shown to the handler as GET. libmicrohttpd does the protocol;
 * it has no thread of its own.
 *
 * One thread. A handler may answer from within on_request. A request belongs to the server; the
 * pointer is valid until it is answered or gone.
 */
#ifndef SLIP_PROCESS_HTTP_SERVER_H
#define SLIP_PROCESS_HTTP_SERVER_H

#include "common/process/address.h"
#include "common/process/http_target.h"
#include "common/process/loop.h"

struct http_server;
struct http_request;

struct http_handler {
    /* The head has come, and a body of so many bytes is about to be kept: 0 when there is none, or
     * its length is not known; then it is called again, with more, as the body grows. From the
     * first call on the request is the handler's, as after on_request, and may be answered at any
     * time. NULL: on_request is the first to be told. */
    void (*on_arriving)(void *context, struct http_request *request, size_t body_bytes);
    void (*on_request)(void *context, struct http_request *request);
    /* May be NULL when every request is answered from within on_request. The request must not be
     * answered any more, and is freed after the call. */
    void (*on_gone)(void *context, struct http_request *request);
};

struct http_limits {
    size_t body_bytes;   /* of one request */
    size_t header_bytes; /* request line and headers, about */
    /* For a whole request, from when the connection was opened or last answered; and for a client
     * that does not read its answer. The connection is cut then. At least 1000. */
    int64_t timeout_ms;
    unsigned int connections; /* more wait in the kernel's queue */
    const char *body_setting; /* that `body_bytes` comes from, for the answer 413; NULL: none */
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_answer {
    unsigned int status;      /* 200 … 599 */
    const char *content_type; /* NULL: none */
    struct span body;
    const struct http_header *headers; /* further ones, or NULL */
    size_t header_count;
};

/* Listens on `address`, which is not shared with other processes. `handler` is copied. Returns 0
 * and a server for http_server_destroy(); or what listener_open() returns (-EADDRINUSE …), or
 * -ENOMEM. */
MUST_USE
int http_server_open(struct loop *loop, const struct address *address,
                     const struct http_handler *handler, void *context,
                     const struct http_limits *limits, struct http_server **ret_server);

/* The port it listens on, also when port 0 was asked for. */
uint16_t http_server_port(const struct http_server *server);

/* No new connections from now on; idle ones are closed, answers in flight finish. `on_drained` is
 * called once, from the loop, when the last connection has ended. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *context));

/* Cuts the connections whose request has not come in whole, also those where it was answered and
 * the rest of its body is awaited; unanswered ones are told to on_gone. */
void http_server_cut_arriving(struct http_server *server);

/* Cuts every connection; unanswered requests are told to on_gone. */
void http_server_cut(struct http_server *server);

/* Cuts what is left; unanswered requests are told to on_gone. Sets *server to NULL; accepts NULL
 * inside. Not from within on_request or on_gone. */
void http_server_close(struct http_server **server);

/* "GET", "POST", … "GET" also for HEAD. */
struct span http_request_method(const struct http_request *request);
/* Path, decoded segments, decoded query. */
const struct http_target *http_request_target(const struct http_request *request);
/* The value of a header, or an empty span with data == NULL. */
struct span http_request_header(const struct http_request *request, const char *name);
struct span http_request_body(const struct http_request *request);
/* The client's IP address in text, for logs. */
const char *http_request_client(const struct http_request *request);

/* A pointer of the handler's, kept with the request; NULL at first. */
void http_request_set_context(struct http_request *request, void *context);
void *http_request_context(const struct http_request *request);

/* Answers; everything in `answer` is copied. A header that holds CR or LF is left out. The request
 * is gone for the handler after it (no on_gone follows). */
void http_request_answer(struct http_request *request, const struct http_answer *answer);

/* Answers with a head, and a body that goes on until http_request_end() (chunked; to an HTTP/1.0
 * client until the connection closes). `answer->body` is its beginning. The request stays the
 * handler's, and on_gone follows when the client leaves before the end. */
void http_request_begin(struct http_request *request, const struct http_answer *answer);

/* More of that body; copied. */
void http_request_append(struct http_request *request, struct span bytes);

/* How much of it the client's socket has not taken yet: the handler bounds that. */
size_t http_request_pending_bytes(const struct http_request *request);

/* The body ends here. The request is gone for the handler (no on_gone follows). */
void http_request_end(struct http_request *request);

/* Answers with application/problem+json (RFC 9457): {type, title, status, detail}. `type` is a
 * stable URI reference; `detail` may be empty and may come from outside. */
void http_request_answer_problem(struct http_request *request, unsigned int status,
                                 const char *type, const char *title, struct span detail);

#endif
