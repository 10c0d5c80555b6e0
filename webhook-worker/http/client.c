#include "webhook-worker/http/client.h"

#include <curl/curl.h>

#include "webhook-worker/http/curl.h"
#include "webhook-worker/http/kind.h"
#include "webhook-worker/http/plain.h"

struct http_client *http_client_new(struct loop *loop, const struct transfer_settings *settings,
                                    size_t concurrency, struct http_client_handler handler)
{
    struct http_client *client = http_plain_new(loop, settings, concurrency, handler);
    return client ? client : http_curl_new(loop, settings, concurrency, handler);
}

void http_client_init(struct http_client *client, const struct http_kind *kind, struct loop *loop,
                      const struct transfer_settings *settings, size_t concurrency,
                      struct http_client_handler handler)
{
    ASSERT(concurrency > 0);
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    client->kind = kind;
    client->loop = loop;
    client->settings = *settings;
    client->handler = handler;
    client->concurrency = concurrency;
}

void http_client_destroy(struct http_client **client_place)
{
    struct http_client *client = *client_place;
    if (!client)
        return;
    *client_place = NULL;
    client->kind->destroy(client);
    curl_global_cleanup();
}

bool http_client_has_room(const struct http_client *client)
{
    return client->running_count < client->concurrency;
}

size_t http_client_running(const struct http_client *client)
{
    return client->running_count;
}

struct transfer *http_client_post(struct http_client *client,
                                  const struct transfer_request *request, void *owner)
{
    ASSERT(http_client_has_room(client) && owner);
    client->running_count++;
    return client->kind->post(client, request, owner);
}

void http_client_cancel(struct http_client *client, struct transfer *transfer)
{
    ASSERT(transfer->owner);
    client->kind->cancel(client, transfer);
    client->running_count--;
}

size_t http_client_sockets(struct http_client *client)
{
    return client->kind->sockets(client);
}
