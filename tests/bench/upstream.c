#include "tests/bench/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/buffer.h"
#include "tests/bench/fail.h"
#include "tests/bench/http.h"
#include "tests/bench/poller.h"

enum { READ_BYTES = 256 << 10 };

struct upstream {
    struct poller_source source;
    struct list idle_link; /* in `idle` while no request is under way */
    struct list waiters;
    struct buffer answer;
};

static struct list idle = {&idle, &idle};
static struct sockaddr_in backend;
static void (*handler)(struct list *waiters);

static void take_answer(struct upstream *upstream)
{
    static const char ok[] = "HTTP/1.1 200";
    struct span answer = buffer_span(&upstream->answer);
    size_t head = http_head_length(answer);
    if (head == 0)
        return;
    size_t length = http_content_length(span_of(answer.data, head));
    if (answer.length - head < length)
        return;
    if (answer.length - head > length || !span_starts_with(answer, span_text(ok)))
        fail("the backend answered %.*s", SPAN_ARGS(answer));
    buffer_clear(&upstream->answer);
    handler(&upstream->waiters);
    list_append(&idle, &upstream->idle_link);
}

static void on_event(struct poller_source *source, uint32_t events)
{
    struct upstream *upstream = CONTAINER_OF(source, struct upstream, source);
    char *place = buffer_reserve(&upstream->answer, READ_BYTES);
    (void)events;
    ssize_t length = recv(source->fd, place, READ_BYTES, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("the backend closed a connection");
    buffer_commit(&upstream->answer, (size_t)length);
    take_answer(upstream);
}

static struct upstream *connect_new(void)
{
    static const int on = 1, large = 4 << 20;
    struct upstream *upstream = xcalloc(1, sizeof *upstream);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&backend, sizeof backend) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large) < 0)
        fail_errno("connecting to the backend");
    upstream->source = (struct poller_source){.fd = fd, .on_event = on_event};
    list_init(&upstream->waiters);
    list_init(&upstream->idle_link);
    poller_add(&upstream->source, EPOLLIN);
    return upstream;
}

void upstream_open(uint16_t port, void (*on_answered)(struct list *waiters))
{
    backend = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    handler = on_answered;
}

void upstream_post(struct span body, struct list *waiters)
{
    static struct buffer request;
    struct upstream *upstream = LIST_FIRST(&idle, struct upstream, idle_link);
    if (!upstream)
        upstream = connect_new();
    list_remove(&upstream->idle_link);
    list_splice(&upstream->waiters, waiters);
    buffer_clear(&request);
    buffer_append_format(&request,
                         "POST /slip HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
                         "Content-Type: application/websocket-events\r\n\r\n",
                         body.length);
    buffer_append_span(&request, body);
    /* The last request was answered, so the socket's buffer, larger than any, is empty. */
    if (send(upstream->source.fd, request.data, request.length, MSG_NOSIGNAL) !=
        (ssize_t)request.length)
        fail_errno("sending to the backend");
}
