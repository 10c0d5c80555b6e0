#include "common/process/http_linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_LINGERING = 64,
    LINGER_MS = 2000,
    LINGER_BYTES = 64 * 1024 * 1024,
    READ_BYTES = 65536, /* in one turn */
};

struct lingerer {
    struct list link;
    struct http_lingering *owner;
    struct loop_source source;
    struct loop_timer timer;
    size_t read_bytes;
};

static void end(struct lingerer *lingerer)
{
    struct http_lingering *owner = lingerer->owner;
    int fd = lingerer->source.fd;
    loop_remove(owner->loop, &lingerer->source);
    loop_timer_stop(owner->loop, &lingerer->timer);
    list_remove(&lingerer->link);
    owner->count--;
    close(fd);
    free(lingerer);
}

static void on_readable(struct loop_source *source, uint32_t events)
{
    static char discarded[READ_BYTES];
    struct lingerer *lingerer = CONTAINER_OF(source, struct lingerer, source);
    (void)events;
    ssize_t got = recv(source->fd, discarded, sizeof(discarded), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    lingerer->read_bytes += got > 0 ? (size_t)got : 0;
    if (got <= 0 || lingerer->read_bytes > LINGER_BYTES)
        end(lingerer);
}

static void on_time(struct loop_timer *timer)
{
    end(CONTAINER_OF(timer, struct lingerer, timer));
}

void http_lingering_init(struct http_lingering *lingering, struct loop *loop)
{
    lingering->loop = loop;
    lingering->count = 0;
    list_init(&lingering->connections);
}

void http_lingering_fini(struct http_lingering *lingering)
{
    LIST_FOR_EACH(&lingering->connections, link) {
        end(LIST_ENTRY(link, struct lingerer, link));
    }
}

void http_linger(struct http_lingering *lingering, int fd)
{
    int own_fd = lingering->count < MAX_LINGERING ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own_fd < 0)
        return;
    struct lingerer *lingerer = xcalloc(1, sizeof(*lingerer));
    lingerer->owner = lingering;
    lingerer->source =
        (struct loop_source){.fd = own_fd, .events = EPOLLIN, .on_event = on_readable};
    if (loop_add(lingering->loop, &lingerer->source) < 0) {
        close(own_fd);
        free(lingerer);
        return;
    }
    shutdown(own_fd, SHUT_WR);
    loop_timer_init(&lingerer->timer, on_time);
    loop_timer_start(lingering->loop, &lingerer->timer, LINGER_MS);
    list_append(&lingering->connections, &lingerer->link);
    lingering->count++;
}
