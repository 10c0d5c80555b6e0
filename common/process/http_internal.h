/* What http_server.c (the daemon and its connections) and http_request.c (one request) share. Part
 * of the HTTP server; nobody else includes it.
 *
 *     http_server ──▶ http_connection ──▶ http_request (at most one)
 *
 * Both are made and freed by libmicrohttpd's callbacks.
 */
#ifndef SLIP_PROCESS_HTTP_INTERNAL_H
#define SLIP_PROCESS_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "common/base/buffer.h"
#include "common/process/http_linger.h"
#include "common/process/http_server.h"

struct http_server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct http_handler handler;
    void *context;
    struct http_limits limits;
    uint16_t port;

    struct loop_source source; /* libmicrohttpd's epoll set */
    struct loop_timer timer;   /* its next time-out */
    struct loop_deferred work; /* something is ready without a descriptor saying so */
    struct list connections;   /* http_connection.link */
    struct http_lingering lingering;

    bool is_draining;
    void (*on_drained)(void *context);
};

struct http_connection {
    struct list link;
    struct http_server *server;
    struct http_request *request; /* NULL between requests */
    int fd;
    struct loop_timer arrival; /* runs while a request is awaited */
    bool lingers;              /* the client was answered before it had sent all */
};

enum http_request_state {
    HTTP_REQUEST_NEW,      /* only its target is known */
    HTTP_REQUEST_ARRIVING, /* its body is being read; with a `response`: thrown away */
    HTTP_REQUEST_WAITING,  /* the handler has it */
    HTTP_REQUEST_ANSWERED, /* `response` is to be queued */
    HTTP_REQUEST_BEGUN,    /* the same, and more of its body comes from the handler … */
    HTTP_REQUEST_STREAMED, /* … as here, where it is queued */
    HTTP_REQUEST_DONE,     /* queued, or given up */
};

struct http_request {
    struct http_connection *owner;
    struct MHD_Connection *connection;
    enum http_request_state state;
    bool is_suspended;
    bool is_target_bad;
    const char *method;
    struct http_target target;
    struct buffer body;
    size_t arrived_bytes;   /* of the body */
    size_t announced_bytes; /* of the body, as on_arriving was told */
    char client[64];
    void *context;
    struct loop_source hang_up; /* while suspended: has the client left? */
    unsigned int status;
    struct MHD_Response *response;
    struct buffer stream; /* BEGUN, STREAMED: what the socket has not taken */
    size_t stream_sent;   /* so much of it */
    bool is_stream_over;  /* nothing will be appended */
};

/* Callbacks of libmicrohttpd about requests. */
void *http_request_arrive(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_request_continue(void *server, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *upload_data, size_t *upload_data_size,
                                      void **request_place);
void http_request_completed(void *server, struct MHD_Connection *connection, void **request_place,
                            enum MHD_RequestTerminationCode how);

/* The client has left, or the server closes: tells the handler if it waits for its answer. */
void http_request_abandon(struct http_request *request);

/* Until there is something to do for it; the loop watches whether the client leaves. */
void http_request_suspend(struct http_request *request);
void http_request_resume(struct http_request *request);

/* The headers of `answer`. */
void http_request_add_headers(struct MHD_Response *response, const struct http_answer *answer);

/* libmicrohttpd has work: at the end of this turn. */
void http_server_wake(struct http_server *server);

/* A request has come in whole: its connection is not timed any more. */
void http_connection_request_arrived(struct http_connection *connection);
/* A request has ended: the next one may come, unless the server is draining. */
void http_connection_request_ended(struct http_connection *connection);

#endif
