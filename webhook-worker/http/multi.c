#include "webhook-worker/http/multi.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/log.h"
#include "webhook-worker/http/transfer.h"

/* A descriptor that libcurl uses. */
struct http_socket {
    struct table_link by_fd;
    struct loop_source source;
    struct http_multi *multi;
    int fd;
    uint32_t wanted; /* what libcurl waits for; 0 = an idle connection */
    bool is_ours;    /* a connection; else one of libcurl's own, which it closes unseen */
};

static void act(struct http_multi *multi, curl_socket_t fd, int events)
{
    int still_running;
    int left;
    CURLMsg *message;
    CURLMcode code = curl_multi_socket_action(multi->curl, fd, events, &still_running);
    ASSERT(code == CURLM_OK);
    while ((message = curl_multi_info_read(multi->curl, &left)))
        if (message->msg == CURLMSG_DONE)
            multi->on_done(multi, message->easy_handle, message->data.result);
}

static struct http_socket *socket_find(const struct http_multi *multi, int fd)
{
    struct table_link *link = table_find(&multi->sockets, span_of(&fd, sizeof(fd)));
    return link ? TABLE_ENTRY(link, struct http_socket, by_fd) : NULL;
}

/* After libcurl has read, which may have closed it. */
static bool expects_more(const struct http_multi *multi, int fd)
{
    const struct http_socket *socket = socket_find(multi, fd);
    return socket && socket->is_ours && socket->wanted & EPOLLIN;
}

static void on_socket_event(struct loop_source *source, uint32_t events)
{
    struct http_socket *socket = CONTAINER_OF(source, struct http_socket, source);
    if (socket->wanted == 0) {
        loop_remove(socket->multi->loop, source);
        return;
    }
    /* libcurl finds errors by itself when it reads or writes as it wanted to. */
    if (events & (EPOLLERR | EPOLLHUP))
        events |= socket->wanted;
    struct http_multi *multi = socket->multi;
    int fd = socket->fd;
    act(multi, fd,
        (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
    if (events & EPOLLIN && expects_more(multi, fd))
        transfer_acknowledge(fd);
}

static struct http_socket *socket_new(struct http_multi *multi, int fd, bool is_ours)
{
    struct http_socket *socket = xcalloc(1, sizeof(*socket));
    socket->source = (struct loop_source){.fd = -1, .on_event = on_socket_event};
    socket->multi = multi;
    socket->fd = fd;
    socket->is_ours = is_ours;
    table_insert(&multi->sockets, &socket->by_fd, span_of(&socket->fd, sizeof(socket->fd)));
    multi->connection_count += is_ours;
    return socket;
}

static void socket_destroy(struct http_socket *socket)
{
    struct http_multi *multi = socket->multi;
    loop_remove(multi->loop, &socket->source);
    table_remove(&multi->sockets, &socket->by_fd);
    multi->connection_count -= socket->is_ours;
    free(socket);
}

static void socket_watch(struct http_socket *socket, uint32_t events)
{
    struct loop *loop = socket->multi->loop;
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
    struct http_multi *multi = context;
    struct http_socket *socket = socket_find(multi, fd);
    if (action == CURL_POLL_REMOVE) {
        if (socket && socket->is_ours)
            socket->wanted = 0; /* stays registered: most likely it is wanted again soon */
        else if (socket)
            socket_destroy(socket);
        return 0;
    }
    if (!socket)
        socket = socket_new(multi, fd, false);
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
    struct http_socket *socket = socket_find(context, fd);
    if (socket)
        socket_destroy(socket);
    return close(fd);
}

static int on_timer_wanted(CURLM *curl, long timeout_ms, void *context)
{
    (void)curl;
    struct http_multi *multi = context;
    if (timeout_ms < 0)
        loop_timer_stop(multi->loop, &multi->timer);
    else
        loop_timer_start(multi->loop, &multi->timer, timeout_ms);
    return 0;
}

static void on_timer(struct loop_timer *timer)
{
    act(CONTAINER_OF(timer, struct http_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

void http_multi_init(struct http_multi *multi, struct loop *loop, size_t connections,
                     void (*on_done)(struct http_multi *multi, CURL *easy, CURLcode code))
{
    CURLM *curl = curl_multi_init();
    ASSERT(curl);
    *multi = (struct http_multi){.curl = curl, .loop = loop, .on_done = on_done};
    table_init(&multi->sockets);
    loop_timer_init(&multi->timer, on_timer);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi) == CURLM_OK);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi) == CURLM_OK);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK);
    ASSERT(curl_multi_setopt(curl, CURLMOPT_MAXCONNECTS, (long)connections) == CURLM_OK);
}

void http_multi_fini(struct http_multi *multi)
{
    curl_multi_cleanup(multi->curl);
    loop_timer_stop(multi->loop, &multi->timer);
    TABLE_FOR_EACH(&multi->sockets, link)
        socket_destroy(TABLE_ENTRY(link, struct http_socket, by_fd));
    table_fini(&multi->sockets);
}

void http_multi_prepare(struct http_multi *multi, CURL *easy)
{
    ASSERT(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_open) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, multi) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, multi) == CURLE_OK);
}

void http_multi_add(struct http_multi *multi, CURL *easy)
{
    CURLMcode code = curl_multi_add_handle(multi->curl, easy);
    ASSERT(code == CURLM_OK);
}

void http_multi_remove(struct http_multi *multi, CURL *easy)
{
    CURLMcode code = curl_multi_remove_handle(multi->curl, easy);
    ASSERT(code == CURLM_OK);
}
