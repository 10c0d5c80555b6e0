/* Ending a connection whose client still sends, without losing our last answer.
 *
 * A socket that is closed with unread bytes is reset, and the reset overtakes the answer that was
 * just written (RFC 9112 §9.6). So what the client still sends is read and thrown away, for a short
 * time and a bounded amount, while the descriptor lives on here.
 */
#ifndef SLIP_PROCESS_HTTP_LINGER_H
#define SLIP_PROCESS_HTTP_LINGER_H

#include "common/process/loop.h"

/* The descriptors of one server; embedded in it. */
struct http_lingering {
    struct loop *loop;
    struct list connections;
    size_t count;
};

void http_lingering_init(struct http_lingering *lingering, struct loop *loop);
/* Cuts all of them. */
void http_lingering_fini(struct http_lingering *lingering);

/* Keeps a duplicate of `fd` until the client has closed; the caller closes its own. Does nothing
 * when too many linger already. */
void http_linger(struct http_lingering *lingering, int fd);

#endif
