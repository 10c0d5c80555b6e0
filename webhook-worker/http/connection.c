#include "webhook-worker/http/connection.h"

#include <stdlib.h>
#include <unistd.h>

enum { IDLE_MS = 118 * 1000, CHECK_MS = 30 * 1000 };

static void on_source(struct loop_source *source, uint32_t events)
{
    struct http_connection *connection = CONTAINER_OF(source, struct http_connection, source);
    if (connection->user)
        connection->owner->on_event(connection->user, events);
    else
        http_connection_close(connection);
}

static bool is_stale(const struct http_connection *connection)
{
    return loop_now_ms(connection->owner->loop) - connection->idle_since_ms >= IDLE_MS;
}

/* The longest idle are at the end. */
static void close_stale(struct http_connections *connections)
{
    while (!list_is_empty(&connections->idle)) {
        struct http_connection *last =
            LIST_ENTRY(connections->idle.previous, struct http_connection, link);
        if (!is_stale(last))
            break;
        http_connection_close(last);
    }
}

static void on_timer(struct loop_timer *timer)
{
    struct http_connections *connections = CONTAINER_OF(timer, struct http_connections, timer);
    close_stale(connections);
    if (!list_is_empty(&connections->idle))
        loop_timer_start(connections->loop, timer, CHECK_MS);
}

void http_connections_init(struct http_connections *connections, struct loop *loop,
                           void (*on_event)(void *user, uint32_t events))
{
    *connections = (struct http_connections){.loop = loop, .on_event = on_event};
    list_init(&connections->idle);
    loop_timer_init(&connections->timer, on_timer);
}

void http_connections_fini(struct http_connections *connections)
{
    LIST_FOR_EACH(&connections->idle, link)
        http_connection_close(LIST_ENTRY(link, struct http_connection, link));
    ASSERT(connections->count == 0);
    loop_timer_stop(connections->loop, &connections->timer);
}

int http_connection_open(struct http_connections *connections, int fd, void *user,
                         struct http_connection **ret_connection)
{
    struct http_connection *connection = xcalloc(1, sizeof(*connection));
    connection->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_source};
    int rc = loop_add(connections->loop, &connection->source);
    if (rc < 0) {
        close(fd);
        free(connection);
        return rc;
    }
    list_init(&connection->link);
    connection->owner = connections;
    connection->user = user;
    connections->count++;
    *ret_connection = connection;
    return 0;
}

struct http_connection *http_connection_take(struct http_connections *connections, void *user)
{
    close_stale(connections);
    struct http_connection *connection =
        LIST_FIRST(&connections->idle, struct http_connection, link);
    if (!connection)
        return NULL;
    list_remove(&connection->link);
    connection->user = user;
    return connection;
}

void http_connection_rest(struct http_connection *connection)
{
    struct http_connections *connections = connection->owner;
    connection->user = NULL;
    connection->is_reused = true;
    connection->idle_since_ms = loop_now_ms(connections->loop);
    list_prepend(&connections->idle, &connection->link);
    if (!loop_timer_is_running(&connections->timer))
        loop_timer_start(connections->loop, &connections->timer, CHECK_MS);
}

void http_connection_close(struct http_connection *connection)
{
    int fd = connection->source.fd;
    loop_remove(connection->owner->loop, &connection->source);
    close(fd);
    list_remove(&connection->link);
    connection->owner->count--;
    free(connection);
}
