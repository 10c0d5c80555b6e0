/* TCP connections to the backend, kept between requests.
 *
 * An idle one stays registered with the loop: when it speaks or ends, it is closed. One that was
 * idle for two minutes is closed too: something on the way may have forgotten it.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_CONNECTION_H
#define SLIP_WEBHOOK_WORKER_HTTP_CONNECTION_H

#include "common/base/list.h"
#include "common/process/loop.h"

struct http_connections {
    struct loop *loop;
    struct list idle; /* the last used first */
    struct loop_timer timer;
    size_t count; /* in use or idle */
    /* Something happened to a connection in use. */
    void (*on_event)(void *user, uint32_t events);
};

struct http_connection {
    struct list link; /* while idle */
    struct loop_source source;
    struct http_connections *owner;
    void *user; /* for on_event; NULL while idle */
    bool is_reused;
    int64_t idle_since_ms;
};

void http_connections_init(struct http_connections *connections, struct loop *loop,
                           void (*on_event)(void *user, uint32_t events));

/* Closes those that are idle; the others have been closed. */
void http_connections_fini(struct http_connections *connections);

/* Takes the socket (non-blocking, connected), which is waited for with EPOLLIN. 0, or a negative
 * errno: then it is closed. */
MUST_USE
int http_connection_open(struct http_connections *connections, int fd, void *user,
                         struct http_connection **ret_connection);

/* The last used of the idle ones, or NULL. */
MUST_USE
struct http_connection *http_connection_take(struct http_connections *connections, void *user);

/* Idle from now on. */
void http_connection_rest(struct http_connection *connection);
void http_connection_close(struct http_connection *connection);

#endif
