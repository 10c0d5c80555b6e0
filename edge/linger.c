#include "edge/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/traffic.h"

struct linger_socket {
    struct list link; /* in edge->lingering */
    struct edge *edge;
    struct loop_source source;
    struct wheel_timer deadline;
    struct outbox outbox;
    bool is_shut;   /* all is written and our FIN sent */
    bool is_closed; /* the client's FIN has come */
};

static void end(struct linger_socket *linger)
{
    int fd = linger->source.fd;
    loop_remove(linger->edge->loop, &linger->source);
    close(fd);
    timer_wheel_stop(&linger->edge->wheel, &linger->deadline);
    list_remove(&linger->link);
    linger->edge->lingering_count--;
    outbox_fini(&linger->outbox);
    free(linger);
}

static void on_due(struct wheel_timer *timer)
{
    end(CONTAINER_OF(timer, struct linger_socket, deadline));
}

static void wait_ms(struct linger_socket *linger, int64_t delay_ms)
{
    timer_wheel_start(&linger->edge->wheel, &linger->deadline,
                      edge_now_ms(linger->edge) + delay_ms);
}

/* True while there is something left to wait for. */
static bool flush(struct linger_socket *linger)
{
    size_t written;
    int rc = outbox_write(&linger->outbox, linger->source.fd, &written);
    metric_add(METRIC_BYTES_OUT, (int64_t)written);
    if (rc < 0 && rc != -EAGAIN)
        return false;
    if (rc == 0 && !linger->is_shut) {
        shutdown(linger->source.fd, SHUT_WR);
        linger->is_shut = true;
        wait_ms(linger, LINGER_READ_MS);
    }
    return !(linger->is_shut && linger->is_closed);
}

/* True unless the socket is broken. */
static bool discard(struct linger_socket *linger)
{
    ssize_t length =
        recv(linger->source.fd, linger->edge->read_buffer, TRAFFIC_READ_BYTES, MSG_DONTWAIT);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR;
    if (length == 0)
        linger->is_closed = true;
    return !(linger->is_shut && linger->is_closed);
}

static void on_event(struct loop_source *source, uint32_t events)
{
    struct linger_socket *linger = CONTAINER_OF(source, struct linger_socket, source);
    bool goes_on = !(events & EPOLLERR);
    if (goes_on && events & (EPOLLIN | EPOLLHUP))
        goes_on = discard(linger);
    if (goes_on && events & EPOLLOUT)
        goes_on = flush(linger);
    if (!goes_on) {
        end(linger);
        return;
    }
    loop_modify(linger->edge->loop, source,
                (linger->is_closed ? 0 : EPOLLIN) | (linger->is_shut ? 0 : EPOLLOUT));
}

void linger_begin(struct edge *edge, int fd, struct outbox *rest)
{
    struct linger_socket *linger = xcalloc(1, sizeof(*linger));
    linger->edge = edge;
    linger->source =
        (struct loop_source){.fd = fd, .events = EPOLLIN | EPOLLOUT, .on_event = on_event};
    wheel_timer_init(&linger->deadline, on_due);
    outbox_move(&linger->outbox, rest);
    if (loop_add(edge->loop, &linger->source) < 0) {
        close(fd);
        outbox_fini(&linger->outbox);
        free(linger);
        return;
    }
    list_append(&edge->lingering, &linger->link);
    edge->lingering_count++;
    wait_ms(linger, edge->config->close_timeout_ms);
    if (!flush(linger))
        end(linger);
    else if (linger->is_shut)
        loop_modify(edge->loop, &linger->source, EPOLLIN);
}

void linger_cut_oldest(struct edge *edge)
{
    ASSERT(!list_is_empty(&edge->lingering));
    end(LIST_ENTRY(edge->lingering.next, struct linger_socket, link));
}

void linger_cut_unwritten(struct edge *edge, bool (*is_too_much)(const struct edge *edge))
{
    LIST_FOR_EACH(&edge->lingering, link) {
        struct linger_socket *linger = LIST_ENTRY(link, struct linger_socket, link);
        if (!is_too_much(edge))
            return;
        if (!outbox_is_empty(&linger->outbox))
            end(linger);
    }
}

void linger_cut_all(struct edge *edge)
{
    LIST_FOR_EACH(&edge->lingering, link)
        end(LIST_ENTRY(link, struct linger_socket, link));
}
