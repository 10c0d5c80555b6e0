/* What a kind of HTTP client (plain.h, curl.h) is made of: it embeds `struct http_client` first,
 * and says what it does differently. For these and for client.c. */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_KIND_H
#define SLIP_WEBHOOK_WORKER_HTTP_KIND_H

#include "webhook-worker/http/client.h"

struct http_kind {
    struct transfer *(*post)(struct http_client *client, const struct transfer_request *request,
                             void *owner);
    void (*cancel)(struct http_client *client, struct transfer *transfer);
    size_t (*sockets)(struct http_client *client);
    void (*destroy)(struct http_client *client);
};

struct http_client {
    const struct http_kind *kind;
    struct loop *loop;
    struct transfer_settings settings;
    struct http_client_handler handler;
    size_t running_count;
    size_t concurrency;
};

/* How every kind begins: libcurl is there until http_client_destroy(). */
void http_client_init(struct http_client *client, const struct http_kind *kind, struct loop *loop,
                      const struct transfer_settings *settings, size_t concurrency,
                      struct http_client_handler handler);

#endif
