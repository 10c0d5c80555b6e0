#include "edge/acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/listener.h"
#include "common/process/log.h"
#include "edge/client.h"
#include "edge/edge.h"
#include "edge/traffic.h"

enum { ACCEPTED_AT_ONCE = 128, ACCEPTED_AT_LAST = 65536, REST_MS = 100 };

static struct acceptor *of_source(struct loop_source *source)
{
    return CONTAINER_OF(source, struct acceptor, source);
}

static void rest(struct acceptor *acceptor, int error)
{
    static struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_WARNING, "cannot accept clients", LOG_ERRNO(error));
    loop_modify(acceptor->edge->loop, &acceptor->source, 0);
    loop_timer_start(acceptor->edge->loop, &acceptor->rest, REST_MS);
}

/* 0: took one in; -EAGAIN: nobody waits; another -errno: no descriptor, or no memory, left. */
static int accept_one(struct acceptor *acceptor)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int fd = accept4(acceptor->source.fd, (struct sockaddr *)&address, &length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        client_begin(acceptor->edge, fd, (const struct sockaddr *)&address);
        return 0;
    }
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return -errno;
    case EAGAIN:
        return -EAGAIN;
    default:
        return 0; /* that client is gone already (accept(2)); the next may be there */
    }
}

static void on_event(struct loop_source *source, uint32_t events)
{
    struct acceptor *acceptor = of_source(source);
    (void)events;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int rc = accept_one(acceptor);
        if (rc == -EAGAIN)
            return;
        if (rc < 0) {
            rest(acceptor, rc);
            return;
        }
    }
}

static void on_rested(struct loop_timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, rest);
    if (acceptor->source.fd >= 0)
        loop_modify(acceptor->edge->loop, &acceptor->source, EPOLLIN);
}

void acceptor_init(struct acceptor *acceptor, struct edge *edge)
{
    *acceptor = (struct acceptor){.edge = edge, .source.fd = -1};
    loop_timer_init(&acceptor->rest, on_rested);
}

bool acceptor_is_open(const struct acceptor *acceptor)
{
    return acceptor->source.fd >= 0;
}

/* Linux hands these on to every accepted socket, which saves a system call each. The send buffer
 * is bounded because what lies in it is lost to back-pressure: the kernel would let a client that
 * reads nothing have four megabytes. */
static void set_inherited_options(int fd)
{
    const int on = 1, send_buffer = TRAFFIC_SEND_BUFFER;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
}

int acceptor_open(struct acceptor *acceptor)
{
    struct edge *edge = acceptor->edge;
    int fd;
    int rc = listener_open(&edge->config->edge_listen, true, &fd);
    if (rc < 0)
        return rc;
    set_inherited_options(fd);
    acceptor->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_event};
    rc = loop_add(edge->loop, &acceptor->source);
    if (rc < 0) {
        close(fd);
        acceptor->source.fd = -1;
    }
    return rc;
}

void acceptor_close(struct acceptor *acceptor)
{
    int fd = acceptor->source.fd;
    if (fd < 0)
        return;
    for (int i = 0; i < ACCEPTED_AT_LAST && accept_one(acceptor) == 0; i++)
        ;
    loop_timer_stop(acceptor->edge->loop, &acceptor->rest);
    loop_remove(acceptor->edge->loop, &acceptor->source);
    close(fd);
}
