#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/http_internal.h"
#include "common/process/listener.h"
#include "common/process/log.h"

enum { POOL_EXTRA_BYTES = 4096 }; /* what libmicrohttpd itself puts into a connection's pool */

/* Runs libmicrohttpd until it waits for descriptors or time again. */
static void run(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG delay_ms;
    MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &delay_ms) == MHD_YES)
        loop_timer_start(server->loop, &server->timer, (int64_t)delay_ms);
    else
        loop_timer_stop(server->loop, &server->timer);
}

static void on_readable(struct loop_source *source, uint32_t events)
{
    (void)events;
    run(CONTAINER_OF(source, struct http_server, source));
}

static void on_time(struct loop_timer *timer)
{
    run(CONTAINER_OF(timer, struct http_server, timer));
}

static void finish_drain(struct http_server *server)
{
    void (*on_drained)(void *context) = server->on_drained;
    server->on_drained = NULL;
    if (on_drained)
        on_drained(server->context);
}

static void on_work(struct loop_deferred *deferred)
{
    struct http_server *server = CONTAINER_OF(deferred, struct http_server, work);
    run(server);
    if (server->is_draining && list_is_empty(&server->connections))
        finish_drain(server);
}

void http_server_wake(struct http_server *server)
{
    loop_defer(server->loop, &server->work);
}

/* libmicrohttpd sees the end of the stream and cleans up. */
static void cut(struct http_connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    http_server_wake(connection->server);
}

static void on_late(struct loop_timer *timer)
{
    cut(CONTAINER_OF(timer, struct http_connection, arrival));
}

void http_connection_request_arrived(struct http_connection *connection)
{
    loop_timer_stop(connection->server->loop, &connection->arrival);
}

void http_connection_request_ended(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    connection->request = NULL;
    if (server->is_draining && !connection->lingers)
        cut(connection);
    else
        loop_timer_start(server->loop, &connection->arrival, server->limits.timeout_ms);
}

static void connection_opened(struct http_server *server, struct MHD_Connection *mhd_connection,
                              void **place)
{
    struct http_connection *connection = xcalloc(1, sizeof(*connection));
    connection->server = server;
    connection->fd =
        MHD_get_connection_info(mhd_connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    loop_timer_init(&connection->arrival, on_late);
    loop_timer_start(server->loop, &connection->arrival, server->limits.timeout_ms);
    list_append(&server->connections, &connection->link);
    *place = connection;
}

static void connection_closed(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    ASSERT(!connection->request);
    if (connection->lingers)
        http_linger(&server->lingering, connection->fd);
    loop_timer_stop(server->loop, &connection->arrival);
    list_remove(&connection->link);
    free(connection);
    /* At its limit of connections libmicrohttpd listens again only when it is run once more. */
    http_server_wake(server);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_opened(context, connection, place);
    } else if (*place) {
        connection_closed(*place);
        *place = NULL;
    }
}

/* Its remarks are about strangers' mistakes: nothing an operator must read. */
static __attribute__((format(printf, 2, 0))) void on_log(void *context, const char *format,
                                                         va_list arguments)
{
    char text[256];
    (void)context;
    if (!log_is_enabled(LOG_LEVEL_DEBUG))
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http server", LOG_TEXT("detail", text));
}

static NORETURN void on_panic(void *context, const char *file, unsigned int line,
                              const char *reason)
{
    (void)context;
    base_assert_failed(reason ? reason : "libmicrohttpd", file, (int)line);
}

/* Targets are decoded by http_target, which knows segments; here nothing is. */
static size_t keep_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static int start_daemon(struct http_server *server, int fd)
{
    const struct http_limits *limits = &server->limits;
    MHD_set_panic_func(on_panic, NULL);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        http_request_continue,
        server, /* options: the logger first, or the others complain to stderr */
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, limits->connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->header_bytes + POOL_EXTRA_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)(limits->timeout_ms / 1000),
        MHD_OPTION_URI_LOG_CALLBACK, http_request_arrive, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    return server->daemon ? 0 : -ENOMEM;
}

static int join_loop(struct http_server *server)
{
    server->source = (struct loop_source){
        .fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
        .events = EPOLLIN,
        .on_event = on_readable,
    };
    loop_timer_init(&server->timer, on_time);
    loop_deferred_init(&server->work, on_work);
    return loop_add(server->loop, &server->source);
}

int http_server_open(struct loop *loop, const struct address *address,
                     const struct http_handler *handler, void *context,
                     const struct http_limits *limits, struct http_server **ret_server)
{
    int fd;
    ASSERT(limits->timeout_ms >= 1000);
    int rc = listener_open(address, false, &fd);
    if (rc < 0)
        return rc;
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    server->handler = *handler;
    server->context = context;
    server->limits = *limits;
    server->port = listener_port(fd);
    list_init(&server->connections);
    http_lingering_init(&server->lingering, loop);
    rc = start_daemon(server, fd);
    if (rc < 0)
        close(fd);
    else
        rc = join_loop(server);
    if (rc < 0) {
        if (server->daemon)
            MHD_stop_daemon(server->daemon);
        free(server);
        return rc;
    }
    *ret_server = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_drain(struct http_server *server, void (*on_drained)(void *context))
{
    if (server->is_draining)
        return;
    server->is_draining = true;
    server->on_drained = on_drained;
    close(MHD_quiesce_daemon(server->daemon));
    LIST_FOR_EACH(&server->connections, link) {
        struct http_connection *connection = LIST_ENTRY(link, struct http_connection, link);
        if (!connection->request)
            cut(connection);
    }
    http_server_wake(server);
}

static bool is_arriving(const struct http_connection *connection)
{
    const struct http_request *request = connection->request;
    return request &&
           (request->state == HTTP_REQUEST_NEW || request->state == HTTP_REQUEST_ARRIVING);
}

static void give_up(struct http_connection *connection)
{
    if (connection->request)
        http_request_abandon(connection->request);
    cut(connection);
}

void http_server_cut_arriving(struct http_server *server)
{
    LIST_FOR_EACH(&server->connections, link) {
        struct http_connection *connection = LIST_ENTRY(link, struct http_connection, link);
        if (is_arriving(connection))
            give_up(connection);
    }
}

void http_server_cut(struct http_server *server)
{
    LIST_FOR_EACH(&server->connections, link) {
        give_up(LIST_ENTRY(link, struct http_connection, link));
    }
}

void http_server_close(struct http_server **server_place)
{
    struct http_server *server = *server_place;
    if (!server)
        return;
    *server_place = NULL;
    LIST_FOR_EACH(&server->connections, link) {
        struct http_connection *connection = LIST_ENTRY(link, struct http_connection, link);
        connection->lingers = false;
        if (connection->request)
            http_request_abandon(connection->request);
    }
    loop_remove(server->loop, &server->source);
    MHD_stop_daemon(server->daemon);
    loop_timer_stop(server->loop, &server->timer);
    loop_undefer(&server->work);
    http_lingering_fini(&server->lingering);
    free(server);
}
