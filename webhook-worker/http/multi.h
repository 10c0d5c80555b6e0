/* libcurl's multi handle on the loop.
 *
 * libcurl takes a socket's interest away after each request and gives it back at the next. We keep
 * the descriptor registered meanwhile, which saves two epoll_ctl a request; when an idle connection
 * speaks or is closed by the server, we unregister it, and libcurl finds out at its next use.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_MULTI_H
#define SLIP_WEBHOOK_WORKER_HTTP_MULTI_H

#include <curl/curl.h>

#include "common/base/table.h"
#include "common/process/loop.h"

struct http_multi {
    CURLM *curl;
    struct loop *loop;
    struct loop_timer timer;
    struct table sockets; /* by descriptor */
    size_t connection_count;
    /* A handle has ended; it is still in the multi. */
    void (*on_done)(struct http_multi *multi, CURL *easy, CURLcode code);
};

/* Keeps at most `connections` connections, in use or idle. Aborts when memory is out. */
void http_multi_init(struct http_multi *multi, struct loop *loop, size_t connections,
                     void (*on_done)(struct http_multi *multi, CURL *easy, CURLcode code));

/* All handles have been removed. Closes the connections. */
void http_multi_fini(struct http_multi *multi);

/* The connections that this handle opens are ours to watch. A connection keeps the callbacks of the
 * handle that opened it, so a handle stays with its multi. */
void http_multi_prepare(struct http_multi *multi, CURL *easy);

/* Begins; ends with on_done, or with http_multi_remove(). */
void http_multi_add(struct http_multi *multi, CURL *easy);
void http_multi_remove(struct http_multi *multi, CURL *easy);

#endif
