/* A backend for tests: an HTTP/1.1 server on the test's own loop, which says what the test wrote
 * down beforehand, and keeps what it was asked.
 *
 *     backend_answer(backend, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")   in order of
 * arrival
 */
#ifndef SLIP_UNIT_BACKEND_H
#define SLIP_UNIT_BACKEND_H

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "common/process/loop.h"

struct backend {
    struct loop *loop;
    struct loop_source listener;
    struct list peers;
    struct list answers; /* not used yet; the last one is used for ever */
    uint16_t port;
    char url[64];
    size_t accepted;         /* connections */
    size_t requests;         /* complete ones */
    size_t waiting;          /* requests not answered: there was nothing to say yet */
    bool closes_after;       /* each answer is the connection's last, without saying so */
    struct buffer last_head; /* of the last request, NUL-terminated */
    struct buffer last_body;
};

void backend_init(struct backend *backend, struct loop *loop);
void backend_fini(struct backend *backend);

/* What the next request gets; "" closes the connection without a byte. */
void backend_answer(struct backend *backend, const char *text);

/* The same: 200 with a JSON body. */
void backend_answer_json(struct backend *backend, const char *json);

/* Requests wait again from now on. */
void backend_forget_answers(struct backend *backend);

/* Cuts all connections. */
void backend_cut(struct backend *backend);

/* Accepts no further connections. */
void backend_refuse(struct backend *backend);

/* Cuts all connections by RST. */
void backend_reset(struct backend *backend);

/* Sends bytes on every open connection that has a request waiting. */
void backend_say(struct backend *backend, const char *text);

/* Bytes said that the other side's kernel has not acknowledged, over all connections. */
size_t backend_unacknowledged(const struct backend *backend);

#endif
