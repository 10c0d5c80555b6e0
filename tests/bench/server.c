#include "tests/bench/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/fail.h"

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

/* ---- taking requests apart ---- */

static size_t content_length(struct span head)
{
    static const char name[] = "content-length:";
    struct span rest = head;
    while (rest.data && rest.length > 0) {
        struct span line = span_split(&rest, '\n');
        if (line.length >= sizeof name &&
            span_equal_nocase(span_of(line.data, sizeof name - 1), span_text(name)))
            return (size_t)strtoul(line.data + sizeof name - 1, NULL, 10);
    }
    return 0;
}

/* How many bytes were served. */
static size_t serve_one(struct server_peer *peer, struct span bytes)
{
    struct server_request request;
    const char *end_of_head = memmem(bytes.data, bytes.length, "\r\n\r\n", 4);
    if (!end_of_head)
        return 0;
    request.head = span_of(bytes.data, (size_t)(end_of_head - bytes.data) + 4);
    size_t length = content_length(request.head);
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
