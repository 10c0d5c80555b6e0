#include "webhook-worker/http/curl.h"

#include <stdlib.h>

#include "webhook-worker/http/curl_transfer.h"
#include "webhook-worker/http/kind.h"
#include "webhook-worker/http/multi.h"

/* Some of libcurl's connections are idle while others are in use. */
enum { POOL_CONNECTIONS = 2 * HTTP_POOL_TRANSFERS };

struct http_pool {
    struct http_multi multi;
    struct http_curl *client;
    struct list running;
    struct list spare;
    size_t running_count;
};

struct http_curl {
    struct http_client base;
    struct http_pool *pools;
    size_t pool_count;
};

static void transfer_end(struct curl_transfer *transfer)
{
    struct http_pool *pool = transfer->pool;
    http_multi_remove(&pool->multi, transfer->easy);
    list_remove(&transfer->base.link);
    pool->running_count--;
}

static void transfer_release(struct curl_transfer *transfer)
{
    curl_transfer_clear(transfer);
    /* The last used first: what it needs is still in the cache. */
    list_prepend(&transfer->pool->spare, &transfer->base.link);
}

static void on_done(struct http_multi *multi, CURL *easy, CURLcode code)
{
    struct http_client *client = &CONTAINER_OF(multi, struct http_pool, multi)->client->base;
    struct curl_transfer *transfer = NULL;
    struct transfer_result result;
    CURLcode found = curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    ASSERT(found == CURLE_OK && transfer);
    curl_transfer_read_result(transfer, code, &result);
    transfer_end(transfer);
    client->running_count--;
    client->handler.on_done(client->handler.context, transfer->base.owner, &result);
    transfer_release(transfer);
}

static void pool_init(struct http_pool *pool, struct http_curl *client)
{
    pool->client = client;
    list_init(&pool->running);
    list_init(&pool->spare);
    http_multi_init(&pool->multi, client->base.loop, POOL_CONNECTIONS, on_done);
}

static struct curl_transfer *transfer_of(struct list *link)
{
    return CONTAINER_OF(LIST_ENTRY(link, struct transfer, link), struct curl_transfer, base);
}

static void pool_fini(struct http_pool *pool)
{
    LIST_FOR_EACH(&pool->running, link) {
        transfer_end(transfer_of(link));
        transfer_release(transfer_of(link));
    }
    http_multi_fini(&pool->multi);
    LIST_FOR_EACH(&pool->spare, link)
        curl_transfer_destroy(transfer_of(link));
}

static void destroy(struct http_client *base)
{
    struct http_curl *client = CONTAINER_OF(base, struct http_curl, base);
    for (size_t i = 0; i < client->pool_count; i++)
        pool_fini(&client->pools[i]);
    free(client->pools);
    free(client);
}

static size_t sockets(struct http_client *base)
{
    const struct http_curl *client = CONTAINER_OF(base, struct http_curl, base);
    size_t count = 0;
    for (size_t i = 0; i < client->pool_count; i++)
        count += client->pools[i].multi.connection_count;
    return count;
}

static struct http_pool *pool_with_room(struct http_curl *client)
{
    struct http_pool *pool = client->pools;
    while (pool->running_count == HTTP_POOL_TRANSFERS)
        pool++;
    return pool;
}

/* libcurl begins many requests in one call; a process that was stopped in the middle of it has lost
 * its jobs to another worker meanwhile. */
static int on_request_begins(void *context, char *remote_ip, char *local_ip, int remote_port,
                             int local_port)
{
    const struct http_pool *pool = context;
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    loop_check_frozen(pool->multi.loop);
    return CURL_PREREQFUNC_OK;
}

static struct curl_transfer *pool_transfer(struct http_pool *pool)
{
    if (!list_is_empty(&pool->spare))
        return transfer_of(pool->spare.next);
    struct curl_transfer *transfer = curl_transfer_new(&pool->client->base.settings);
    transfer->pool = pool;
    http_multi_prepare(&pool->multi, transfer->easy);
    ASSERT(curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, on_request_begins) == CURLE_OK);
    ASSERT(curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, pool) == CURLE_OK);
    return transfer;
}

static struct transfer *post(struct http_client *base, const struct transfer_request *request,
                             void *owner)
{
    struct http_pool *pool = pool_with_room(CONTAINER_OF(base, struct http_curl, base));
    struct curl_transfer *transfer = pool_transfer(pool);
    list_remove(&transfer->base.link);
    list_append(&pool->running, &transfer->base.link);
    pool->running_count++;
    transfer->base.owner = owner;
    curl_transfer_prepare(transfer, request);
    http_multi_add(&pool->multi, transfer->easy);
    return &transfer->base;
}

static void cancel(struct http_client *base, struct transfer *base_transfer)
{
    struct curl_transfer *transfer = CONTAINER_OF(base_transfer, struct curl_transfer, base);
    ASSERT(&transfer->pool->client->base == base);
    transfer_end(transfer);
    transfer_release(transfer);
}

struct http_client *http_curl_new(struct loop *loop, const struct transfer_settings *settings,
                                  size_t concurrency, struct http_client_handler handler)
{
    static const struct http_kind kind = {
        .post = post, .cancel = cancel, .sockets = sockets, .destroy = destroy};
    struct http_curl *client = xcalloc(1, sizeof(*client));
    http_client_init(&client->base, &kind, loop, settings, concurrency, handler);
    client->pool_count = (concurrency + HTTP_POOL_TRANSFERS - 1) / HTTP_POOL_TRANSFERS;
    client->pools = xcalloc(client->pool_count, sizeof(client->pools[0]));
    for (size_t i = 0; i < client->pool_count; i++)
        pool_init(&client->pools[i], client);
    return &client->base;
}
