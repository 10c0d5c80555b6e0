#include "tests/unit/wire/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buffer.h"

struct end {
    struct loop_source source;
    struct pair *pair;
    struct buffer pending; /* to be written here */
};

struct pair {
    struct tcp_proxy *proxy;
    struct list link;
    struct end client, server;
};

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static void end_fini(struct loop *loop, struct end *end)
{
    const struct linger at_once = {.l_onoff = 1};
    int fd = end->source.fd;
    if (fd >= 0) {
        loop_remove(loop, &end->source);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    buffer_fini(&end->pending);
}

static void pair_destroy(struct pair *pair)
{
    end_fini(pair->proxy->loop, &pair->client);
    end_fini(pair->proxy->loop, &pair->server);
    list_remove(&pair->link);
    free(pair);
}

static void write_pending(struct end *end)
{
    ssize_t written =
        send(end->source.fd, end->pending.data, end->pending.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written > 0)
        buffer_consume(&end->pending, (size_t)written);
    loop_modify(end->pair->proxy->loop, &end->source,
                end->pending.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_end(struct loop_source *source, uint32_t events)
{
    struct end *end = CONTAINER_OF(source, struct end, source);
    struct pair *pair = end->pair;
    struct end *other = end == &pair->client ? &pair->server : &pair->client;
    if (events & EPOLLOUT)
        write_pending(end);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    char data[65536];
    ssize_t length = recv(source->fd, data, sizeof data, MSG_DONTWAIT);
    if (length <= 0) {
        pair_destroy(pair);
    } else if (pair->proxy->swallows) {
        pair->proxy->swallowed_bytes += (size_t)length;
    } else {
        buffer_append(&other->pending, data, (size_t)length);
        write_pending(other);
    }
}

static void end_init(struct pair *pair, struct end *end, int fd)
{
    *end = (struct end){
        .pair = pair,
        .source = {.fd = fd, .events = EPOLLIN, .on_event = on_end},
    };
    int rc = loop_add(pair->proxy->loop, &end->source);
    ASSERT(rc == 0);
}

static void on_connection(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct tcp_proxy *proxy = CONTAINER_OF(source, struct tcp_proxy, listener);
    int client = accept(source->fd, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(client >= 0 && server >= 0);
    struct sockaddr_in address = local(proxy->upstream_port);
    if (proxy->swallows || connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        close(client);
        close(server);
        return;
    }
    struct pair *pair = xcalloc(1, sizeof *pair);
    pair->proxy = proxy;
    list_init(&pair->link);
    list_append(&proxy->pairs, &pair->link);
    end_init(pair, &pair->client, client);
    end_init(pair, &pair->server, server);
}

void tcp_proxy_open(struct tcp_proxy *proxy, struct loop *loop, int upstream_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    ASSERT(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 64) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *proxy = (struct tcp_proxy){
        .loop = loop,
        .listener = {.fd = fd, .events = EPOLLIN, .on_event = on_connection},
        .port = ntohs(address.sin_port),
        .upstream_port = upstream_port,
    };
    list_init(&proxy->pairs);
    int rc = loop_add(loop, &proxy->listener);
    ASSERT(rc == 0);
}

static void cut_all(struct tcp_proxy *proxy)
{
    while (!list_is_empty(&proxy->pairs))
        pair_destroy(LIST_FIRST(&proxy->pairs, struct pair, link));
}

void tcp_proxy_close(struct tcp_proxy *proxy)
{
    int fd = proxy->listener.fd;
    cut_all(proxy);
    loop_remove(proxy->loop, &proxy->listener);
    close(fd);
}

void tcp_proxy_swallow(struct tcp_proxy *proxy)
{
    proxy->swallows = true;
}

void tcp_proxy_cut(struct tcp_proxy *proxy)
{
    cut_all(proxy);
    proxy->swallows = false;
}
