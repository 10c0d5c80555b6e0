/* The HTTP server of the benchmark's own programs: HTTP/1.1 with keep-alive and Content-Length, on
 * the bare poller, so that the backend is not what is measured.
 *
 * One per process. A peer is owned by the server and freed when its connection ends; a handler may
 * make it something else than HTTP by setting `on_bytes`.
 */
#ifndef SLIP_BENCH_SERVER_H
#define SLIP_BENCH_SERVER_H

#include <netinet/in.h>

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "tests/bench/poller.h"

struct server_request {
    struct span path;
    struct span head; /* all of it, with the request line */
    struct span body;
};

struct server_peer {
    struct poller_source source;
    struct list link; /* for the handler; removed from its list when the peer ends */
    struct buffer in;
    struct buffer out; /* what the handler answers; sent when all that was read is served */
    bool is_held;      /* set by the handler: nothing of `out` is sent until it flushes later */
    size_t (*on_bytes)(struct server_peer *peer, struct span bytes); /* NULL: HTTP; returns taken */
};

/* Listens on 127.0.0.1:`port` (0: any; it is printed as "port N") and serves with `on_request`. */
void server_open(uint16_t port, void (*on_request)(struct server_peer *peer,
                                                   const struct server_request *request));

/* Appends a whole response to the peer's output; `extra` are header lines or "". */
void server_answer(struct server_peer *peer, const char *extra, struct span body);

/* Does the request ask for a WebSocket? */
bool server_is_upgrade(const struct server_request *request);

/* Appends the 101 for the load client, whose key is always the same (client.c). */
void server_upgrade(struct server_peer *peer);

/* Sends what is in `peer->out`, the rest when the socket takes it. */
void server_flush(struct server_peer *peer);

#endif
