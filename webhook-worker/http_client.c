#include "webhook-worker/http_client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/log.h"

/* Some of libcurl's connections are idle while others are in use. */
enum { POOL_CONNECTIONS = 2 * HTTP_POOL_TRANSFERS };

struct http_pool {
    struct http_client *client;
    CURLM *multi;
    struct loop_timer timer;
    struct list running;
    struct list spare;
    size_t running_count;
};

/* A descriptor that libcurl uses. */
struct http_socket {
    struct loop_source source;
    struct http_pool *pool;
    int fd;
    uint32_t wanted; /* what libcurl waits for; 0 = an idle connection */
    bool is_ours;    /* a connection; else one of libcurl's own, which it closes unseen */
};

struct http_client {
    struct loop *loop;
    struct transfer_settings settings;
    struct http_client_handler handler;
    struct http_pool *pools;
    size_t pool_count;
    size_t running_count;
    size_t concurrency;
    struct http_socket **sockets; /* by descriptor */
    size_t socket_capacity;
    size_t connection_count;
};

static struct http_socket *socket_find(const struct http_client *client, int fd)
{
    return (size_t)fd < client->socket_capacity ? client->sockets[fd] : NULL;
}

static void on_socket_event(struct loop_source *source, uint32_t events);

static struct http_socket *socket_new(struct http_pool *pool, int fd, bool is_ours)
{
    struct http_client *client = pool->client;
    if ((size_t)fd >= client->socket_capacity) {
        size_t capacity = max_size((size_t)fd + 1, max_size(64, 2 * client->socket_capacity));
        client->sockets = xrealloc(client->sockets, capacity * sizeof(struct http_socket *));
        memset(client->sockets + client->socket_capacity, 0,
               (capacity - client->socket_capacity) * sizeof(struct http_socket *));
        client->socket_capacity = capacity;
    }
    ASSERT(!client->sockets[fd]);
    struct http_socket *socket = xcalloc(1, sizeof(*socket));
    socket->source = (struct loop_source){.fd = -1, .on_event = on_socket_event};
    socket->pool = pool;
    socket->fd = fd;
    socket->is_ours = is_ours;
    client->sockets[fd] = socket;
    client->connection_count += is_ours;
    return socket;
}

static void socket_destroy(struct http_socket *socket)
{
    struct http_client *client = socket->pool->client;
    loop_remove(client->loop, &socket->source);
    client->sockets[socket->fd] = NULL;
    client->connection_count -= socket->is_ours;
    free(socket);
}

static void socket_watch(struct http_socket *socket, uint32_t events)
{
    struct loop *loop = socket->pool->client->loop;
    socket->wanted = events;
    if (socket->source.fd >= 0) {
        loop_modify(loop, &socket->source, events);
        return;
    }
    socket->source.fd = socket->fd;
    socket->source.events = events;
    int rc = loop_add(loop, &socket->source);
    if (rc < 0) {
        /* Its transfer will time out. */
        socket->source.fd = -1;
        log_error("cannot watch a connection to the backend", LOG_ERRNO(rc));
    }
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int action, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    struct http_pool *pool = context;
    struct http_socket *socket = socket_find(pool->client, fd);
    if (action == CURL_POLL_REMOVE) {
        if (socket && socket->is_ours)
            socket->wanted = 0; /* stays registered: most likely it is wanted again soon */
        else if (socket)
            socket_destroy(socket);
        return 0;
    }
    if (!socket)
        socket = socket_new(pool, fd, false);
    uint32_t events = 0;
    if (action & CURL_POLL_IN)
        events |= EPOLLIN;
    if (action & CURL_POLL_OUT)
        events |= EPOLLOUT;
    socket_watch(socket, events);
    return 0;
}

static curl_socket_t on_socket_open(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    (void)socket_new(context, fd, true);
    return fd;
}

static int on_socket_close(void *context, curl_socket_t fd)
{
    struct http_pool *pool = context;
    struct http_socket *socket = socket_find(pool->client, fd);
    if (socket)
        socket_destroy(socket);
    return close(fd);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct http_pool *pool = context;
    if (timeout_ms < 0)
        loop_timer_stop(pool->client->loop, &pool->timer);
    else
        loop_timer_start(pool->client->loop, &pool->timer, timeout_ms);
    return 0;
}

static void transfer_end(struct http_pool *pool, struct transfer *transfer)
{
    CURLMcode code = curl_multi_remove_handle(pool->multi, transfer->easy);
    ASSERT(code == CURLM_OK);
    list_remove(&transfer->link);
    pool->running_count--;
    pool->client->running_count--;
}

static void transfer_release(struct http_pool *pool, struct transfer *transfer)
{
    transfer_clear(transfer);
    /* The last used first: what it needs is still in the cache. */
    list_prepend(&pool->spare, &transfer->link);
}

static void tell_done(struct http_pool *pool, CURL *easy, CURLcode code)
{
    struct transfer *transfer = NULL;
    struct transfer_result result;
    CURLcode found = curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    ASSERT(found == CURLE_OK && transfer);
    transfer_read_result(transfer, code, &result);
    transfer_end(pool, transfer);
    pool->client->handler.on_done(pool->client->handler.context, transfer->owner, &result);
    transfer_release(pool, transfer);
}

static void act(struct http_pool *pool, curl_socket_t fd, int events)
{
    int still_running;
    int left;
    CURLMsg *message;
    CURLMcode code = curl_multi_socket_action(pool->multi, fd, events, &still_running);
    ASSERT(code == CURLM_OK);
    while ((message = curl_multi_info_read(pool->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            tell_done(pool, message->easy_handle, message->data.result);
}

static void on_socket_event(struct loop_source *source, uint32_t events)
{
    struct http_socket *socket = CONTAINER_OF(source, struct http_socket, source);
    struct http_pool *pool = socket->pool;
    if (socket->wanted == 0) {
        loop_remove(pool->client->loop, source);
        return;
    }
    /* libcurl finds errors by itself when it reads or writes as it wanted to. */
    if (events & (EPOLLERR | EPOLLHUP))
        events |= socket->wanted;
    act(pool, socket->fd,
        (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct loop_timer *timer)
{
    act(CONTAINER_OF(timer, struct http_pool, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void pool_init(struct http_pool *pool, struct http_client *client)
{
    pool->client = client;
    list_init(&pool->running);
    list_init(&pool->spare);
    loop_timer_init(&pool->timer, on_timer);
    CURLM *multi = curl_multi_init();
    ASSERT(multi);
    pool->multi = multi;
    ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK);
    ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK);
    ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK);
    ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK);
    ASSERT(curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK);
    ASSERT(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)POOL_CONNECTIONS) == CURLM_OK);
}

static void destroy_transfers(struct list *transfers)
{
    LIST_FOR_EACH(transfers, link) {
        struct transfer *transfer = LIST_ENTRY(link, struct transfer, link);
        transfer_destroy(&transfer);
    }
}

static void pool_fini(struct http_pool *pool)
{
    LIST_FOR_EACH(&pool->running, link) {
        struct transfer *transfer = LIST_ENTRY(link, struct transfer, link);
        transfer_end(pool, transfer);
        transfer_release(pool, transfer);
    }
    curl_multi_cleanup(pool->multi);
    destroy_transfers(&pool->spare);
    loop_timer_stop(pool->client->loop, &pool->timer);
}

struct http_client *http_client_new(struct loop *loop, const struct transfer_settings *settings,
                                    size_t concurrency, struct http_client_handler handler)
{
    ASSERT(concurrency > 0);
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->loop = loop;
    client->settings = *settings;
    client->handler = handler;
    client->concurrency = concurrency;
    client->pool_count = (concurrency + HTTP_POOL_TRANSFERS - 1) / HTTP_POOL_TRANSFERS;
    client->pools = xcalloc(client->pool_count, sizeof(client->pools[0]));
    for (size_t i = 0; i < client->pool_count; i++)
        pool_init(&client->pools[i], client);
    return client;
}

void http_client_destroy(struct http_client **client_place)
{
    struct http_client *client = *client_place;
    if (!client)
        return;
    *client_place = NULL;
    for (size_t i = 0; i < client->pool_count; i++)
        pool_fini(&client->pools[i]);
    for (size_t fd = 0; fd < client->socket_capacity; fd++)
        if (client->sockets[fd])
            socket_destroy(client->sockets[fd]);
    free(client->sockets);
    free(client->pools);
    free(client);
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

size_t http_client_sockets(const struct http_client *client)
{
    return client->connection_count;
}

static struct http_pool *pool_with_room(struct http_client *client)
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
    loop_check_frozen(pool->client->loop);
    return CURL_PREREQFUNC_OK;
}

/* A connection keeps the callbacks of the handle that opened it, so a handle stays in its pool. */
static struct transfer *pool_transfer(struct http_pool *pool)
{
    struct transfer *transfer = LIST_FIRST(&pool->spare, struct transfer, link);
    if (transfer)
        return transfer;
    transfer = transfer_new(&pool->client->settings);
    transfer->pool = pool;
    CURL *easy = transfer->easy;
    ASSERT(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_open) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, pool) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, pool) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request_begins) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_PREREQDATA, pool) == CURLE_OK);
    return transfer;
}

struct transfer *http_client_post(struct http_client *client,
                                  const struct transfer_request *request, void *owner)
{
    ASSERT(http_client_has_room(client) && owner);
    struct http_pool *pool = pool_with_room(client);
    struct transfer *transfer = pool_transfer(pool);
    list_remove(&transfer->link);
    list_append(&pool->running, &transfer->link);
    pool->running_count++;
    client->running_count++;
    transfer->owner = owner;
    transfer_prepare(transfer, request);
    CURLMcode code = curl_multi_add_handle(pool->multi, transfer->easy);
    ASSERT(code == CURLM_OK);
    return transfer;
}

void http_client_cancel(struct http_client *client, struct transfer *transfer)
{
    struct http_pool *pool = transfer->pool;
    ASSERT(pool->client == client && transfer->owner);
    transfer_end(pool, transfer);
    transfer_release(pool, transfer);
}
