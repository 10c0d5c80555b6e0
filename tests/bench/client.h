/* A WebSocket client, one of thousands (RFC 6455): connects, shakes hands, sends, takes messages
 * apart, answers pings. Owned by a crowd, used on the poller's thread.
 *
 *     CLOSED ──client_connect()──▶ CONNECTING ──▶ HANDSHAKE ──101──▶ OPEN
 *       ▲                              └──────────────┴── refused, lost ─┘
 */
#ifndef SLIP_BENCH_CLIENT_H
#define SLIP_BENCH_CLIENT_H

#include <netinet/in.h>

#include "common/base/buffer.h"
#include "tests/bench/poller.h"

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_HANDSHAKE, CLIENT_OPEN };

struct client;

/* Called from within the poller's turn. */
struct client_handler {
    void (*on_open)(struct client *client);
    void (*on_message)(struct client *client, struct span data);
    /* The connection has ended or never came to be; `status` is the answer's, 0 when there was
     * none. The client is CLOSED. */
    void (*on_lost)(struct client *client, int status);
};

struct client {
    struct poller_source source;
    const struct client_handler *handler;
    uint32_t number;
    enum client_state state;
    bool was_open;       /* it got as far as that, even if it is CLOSED now */
    uint32_t sent;       /* for the handler: messages of its own */
    uint32_t received;   /* for the handler */
    uint64_t began_ns;   /* for the handler: when it last did what is timed */
    uint32_t *last_seen; /* for the handler */
    struct buffer unread;
    struct buffer unsent;
    struct buffer fragments; /* of a message that comes in several frames */
};

/* Begins to connect; `request` (client_request()) is sent when that is done. `client->number` and
 * `handler` are set. */
void client_connect(struct client *client, const struct sockaddr_in *address, struct span request);

/* Appends a handshake; with `is_browser`, the headers that a browser sends. */
void client_request(struct buffer *request, struct span path, bool is_browser);

/* One masked text frame: written at once, the rest when the socket takes it. */
void client_send(struct client *client, struct span text);

/* Closes with a reset, which leaves no TIME_WAIT behind; on_lost is not called. */
void client_cut(struct client *client);

#endif
