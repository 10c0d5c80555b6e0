#include "tests/bench/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/fail.h"
#include "tests/bench/http.h"

enum { READ_BYTES = 1 << 20, BACKLOG = 16384 };

static void (*handler)(struct server_peer *peer, const struct server_request *request);

static void end(struct server_peer *peer)
{
    poller_remove(&peer->source);
    close(peer->source.fd);
    list_remove(&peer->link);
    buffer_fini(&peer->in);
    buffer_fini(&peer->out);
    free(peer);
}

void server_flush(struct server_peer *peer)
{
    if (peer->is_held)
        return;
    ssize_t written = peer->out.length == 0 ? 0
                                            : send(peer->source.fd, peer->out.data,
                                                   peer->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    /* A broken connection shows when it is read. */
    if (written < 0)
        written = errno == EAGAIN ? 0 : (ssize_t)peer->out.length;
    buffer_consume(&peer->out, (size_t)written);
    poller_modify(&peer->source, peer->out.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void server_answer(struct server_peer *peer, const char *extra, struct span body)
{
    buffer_append_format(&peer->out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n", body.length);
    buffer_append_text(&peer->out, extra);
    buffer_append_text(&peer->out, "\r\n");
    buffer_append_span(&peer->out, body);
}

bool server_is_upgrade(const struct server_request *request)
{
    static const char asked[] = "Upgrade: websocket";
    return memmem(request->head.data, request->head.length, asked, sizeof asked - 1) != NULL;
}

void server_upgrade(struct server_peer *peer)
{
    buffer_append_text(&peer->out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Accept: "
                                   "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

/* ---- taking requests apart ---- */

/* How many bytes were served. */
static size_t serve_one(struct server_peer *peer, struct span bytes)
{
    struct server_request request;
    size_t head_length = http_head_length(bytes);
    if (head_length == 0)
        return 0;
    request.head = span_of(bytes.data, head_length);
    size_t length = http_content_length(request.head);
    if (bytes.length - request.head.length < length)
        return 0;
    request.body = span_of(bytes.data + request.head.length, length);
    struct span line = request.head;
    (void)span_split(&line, ' ');
    request.path = span_split(&line, ' ');
    handler(peer, &request);
    return request.head.length + length;
}

static size_t serve(struct server_peer *peer, struct span bytes)
{
    size_t taken = 0, step;
    do {
        struct span rest = span_of(bytes.data + taken, bytes.length - taken);
        step = peer->on_bytes ? peer->on_bytes(peer, rest) : serve_one(peer, rest);
        taken += step;
    } while (step > 0 && taken < bytes.length);
    return taken;
}

static void on_read(struct server_peer *peer, struct span bytes)
{
    if (peer->in.length > 0) {
        buffer_append_span(&peer->in, bytes);
        buffer_consume(&peer->in, serve(peer, buffer_span(&peer->in)));
    } else {
        size_t taken = serve(peer, bytes);
        buffer_append(&peer->in, bytes.data + taken, bytes.length - taken);
    }
    server_flush(peer);
}

static void on_event(struct poller_source *source, uint32_t events)
{
    static char data[READ_BYTES];
    struct server_peer *peer = CONTAINER_OF(source, struct server_peer, source);
    if (events & EPOLLOUT)
        server_flush(peer);
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    ssize_t length = recv(source->fd, data, sizeof data, MSG_DONTWAIT);
    if (length > 0)
        on_read(peer, span_of(data, (size_t)length));
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        end(peer);
}

/* ---- listening ---- */

static void on_connection(struct poller_source *source, uint32_t events)
{
    static const int on = 1;
    (void)events;
    for (;;) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct server_peer *peer = xcalloc(1, sizeof *peer);
        peer->source = (struct poller_source){.fd = fd, .on_event = on_event};
        list_init(&peer->link);
        poller_add(&peer->source, EPOLLIN);
    }
}

void server_open(uint16_t port,
                 void (*on_request)(struct server_peer *peer, const struct server_request *request))
{
    static struct poller_source listener = {.on_event = on_connection};
    static const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener.fd < 0 || setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listener.fd, (struct sockaddr *)&address, length) < 0 ||
        listen(listener.fd, BACKLOG) < 0 ||
        getsockname(listener.fd, (struct sockaddr *)&address, &length) < 0)
        fail_errno("listening");
    handler = on_request;
    poller_add(&listener, EPOLLIN);
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
}
