#include "tests/unit/webhook-worker/backend.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
    struct list link;
    char *text;
};

struct peer {
    struct list link;
    struct loop_source source;
    struct backend *backend;
    struct buffer in;
    bool is_waiting;
};

static void peer_destroy(struct peer *peer)
{
    int fd = peer->source.fd;
    loop_remove(peer->backend->loop, &peer->source);
    close(fd);
    peer->backend->waiting -= peer->is_waiting;
    list_remove(&peer->link);
    buffer_fini(&peer->in);
    free(peer);
}

static void peer_send(struct peer *peer, const char *text)
{
    size_t length = strlen(text);
    for (size_t sent = 0; sent < length;) {
        ssize_t n = send(peer->source.fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
}

/* false: the peer is gone. */
static bool peer_answer(struct peer *peer)
{
    struct backend *backend = peer->backend;
    struct answer *answer = LIST_FIRST(&backend->answers, struct answer, link);
    if (!answer) {
        peer->is_waiting = true;
        backend->waiting++;
        return true;
    }
    bool is_silent = answer->text[0] == '\0';
    peer_send(peer, answer->text);
    if (answer->link.next != &backend->answers) {
        list_remove(&answer->link);
        free(answer->text);
        free(answer);
    }
    if (!is_silent && !backend->closes_after)
        return true;
    peer_destroy(peer);
    return false;
}

static size_t body_length(const char *head)
{
    const char *field = strcasestr(head, "\r\nContent-Length:");
    return field ? (size_t)atol(field + 17) : 0;
}

static bool take_request(struct peer *peer)
{
    struct backend *backend = peer->backend;
    buffer_append_byte(&peer->in, '\0');
    peer->in.length--;
    const char *end = strstr(peer->in.data, "\r\n\r\n");
    if (!end)
        return false;
    size_t head = (size_t)(end - peer->in.data) + 4;
    size_t body = body_length(peer->in.data);
    if (peer->in.length < head + body)
        return false;
    buffer_clear(&backend->last_head);
    buffer_append(&backend->last_head, peer->in.data, head);
    buffer_append_byte(&backend->last_head, '\0');
    buffer_clear(&backend->last_body);
    buffer_append(&backend->last_body, peer->in.data + head, body);
    buffer_consume(&peer->in, head + body);
    backend->requests++;
    return true;
}

static void on_peer(struct loop_source *source, uint32_t events)
{
    struct peer *peer = CONTAINER_OF(source, struct peer, source);
    (void)events;
    ssize_t n = recv(source->fd, buffer_reserve(&peer->in, 65536), 65536, 0);
    if (n <= 0) {
        peer_destroy(peer);
        return;
    }
    buffer_commit(&peer->in, (size_t)n);
    while (take_request(peer))
        if (!peer_answer(peer))
            return;
}

static void on_listener(struct loop_source *source, uint32_t events)
{
    struct backend *backend = CONTAINER_OF(source, struct backend, listener);
    (void)events;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
    ASSERT(fd >= 0);
    struct peer *peer = xcalloc(1, sizeof(*peer));
    peer->backend = backend;
    peer->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_peer};
    list_append(&backend->peers, &peer->link);
    ASSERT(loop_add(backend->loop, &peer->source) == 0);
    backend->accepted++;
}

void backend_init(struct backend *backend, struct loop *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 512) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *backend = (struct backend){.loop = loop, .port = ntohs(address.sin_port)};
    list_init(&backend->peers);
    list_init(&backend->answers);
    snprintf(backend->url, sizeof(backend->url), "http://127.0.0.1:%u/hook?a=b", backend->port);
    backend->listener = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_listener};
    ASSERT(loop_add(loop, &backend->listener) == 0);
}

void backend_cut(struct backend *backend)
{
    LIST_FOR_EACH(&backend->peers, link)
        peer_destroy(LIST_ENTRY(link, struct peer, link));
}

void backend_reset(struct backend *backend)
{
    const struct linger linger = {.l_onoff = 1};
    LIST_FOR_EACH(&backend->peers, link) {
        struct peer *peer = LIST_ENTRY(link, struct peer, link);
        ASSERT(setsockopt(peer->source.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    }
    backend_cut(backend);
}

void backend_forget_answers(struct backend *backend)
{
    LIST_FOR_EACH(&backend->answers, link) {
        struct answer *answer = LIST_ENTRY(link, struct answer, link);
        list_remove(&answer->link);
        free(answer->text);
        free(answer);
    }
}

void backend_refuse(struct backend *backend)
{
    int fd = backend->listener.fd;
    loop_remove(backend->loop, &backend->listener);
    if (fd >= 0)
        close(fd);
}

void backend_fini(struct backend *backend)
{
    backend_cut(backend);
    backend_refuse(backend);
    backend_forget_answers(backend);
    buffer_fini(&backend->last_head);
    buffer_fini(&backend->last_body);
}

void backend_answer(struct backend *backend, const char *text)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));
    answer->text = xstrdup(text);
    list_append(&backend->answers, &answer->link);
    LIST_FOR_EACH(&backend->peers, link) {
        struct peer *peer = LIST_ENTRY(link, struct peer, link);
        if (!peer->is_waiting)
            continue;
        peer->is_waiting = false;
        backend->waiting--;
        (void)peer_answer(peer);
    }
}

void backend_answer_json(struct backend *backend, const char *json)
{
    struct buffer text = {0};
    buffer_append_format(&text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(json),
                         json);
    buffer_append_byte(&text, '\0');
    backend_answer(backend, text.data);
    buffer_fini(&text);
}

void backend_say(struct backend *backend, const char *text)
{
    LIST_FOR_EACH(&backend->peers, link) {
        struct peer *peer = LIST_ENTRY(link, struct peer, link);
        if (peer->is_waiting)
            peer_send(peer, text);
    }
}

size_t backend_unacknowledged(const struct backend *backend)
{
    size_t sum = 0;
    LIST_FOR_EACH(&backend->peers, link) {
        int bytes = 0;
        ASSERT(ioctl(LIST_ENTRY(link, struct peer, link)->source.fd, SIOCOUTQ, &bytes) == 0);
        sum += (size_t)bytes;
    }
    return sum;
}
