/* The HTTP client of the worker: many POSTs at a time, all to one target, over connections that
 * are kept.
 *
 *     client ──▶ plain.h   http://    our own exchange: libcurl connects, http_parser reads
 *         └────▶ curl.h    https://   libcurl does it all: TLS, HTTP/2
 *
 * Two kinds, because a request over plain TCP is a send and a recv, and what libcurl does around
 * them costs as much again (docs/performance.md): in the worker that was half of its time.
 *
 * One thread; owned by the worker.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_CLIENT_H
#define SLIP_WEBHOOK_WORKER_HTTP_CLIENT_H

#include "common/process/loop.h"
#include "webhook-worker/http/transfer.h"

struct http_client;

struct http_client_handler {
    /* Called from the loop, never from within http_client_post(). The transfer has ended and is the
     * client's again; other requests may be posted and cancelled from here. */
    void (*on_done)(void *context, void *owner, const struct transfer_result *result);
    void *context;
};

/* At most `concurrency` transfers at a time. `settings` is copied, its strings are borrowed. Never
 * NULL; aborts when libcurl cannot start. */
MUST_USE
struct http_client *http_client_new(struct loop *loop, const struct transfer_settings *settings,
                                    size_t concurrency, struct http_client_handler handler);

/* Cuts what is running; no callback is made. Sets *client to NULL; accepts NULL inside. */
void http_client_destroy(struct http_client **client);

/* May another transfer begin? */
bool http_client_has_room(const struct http_client *client);
size_t http_client_running(const struct http_client *client);

/* Begins a request; there is room (asserted). `owner` is handed to on_done. The result names the
 * transfer for http_client_cancel(), and is valid until it has ended. */
struct transfer *http_client_post(struct http_client *client,
                                  const struct transfer_request *request, void *owner);

/* Cuts a running transfer; on_done is not called for it. */
void http_client_cancel(struct http_client *client, struct transfer *transfer);

/* Descriptors of connections to the backend, in use or idle; for tests and gauges. */
size_t http_client_sockets(struct http_client *client);

#endif
