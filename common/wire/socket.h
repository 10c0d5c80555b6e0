/* A ZeroMQ socket on the loop: one frame in, one frame out, never waiting.
 *
 * ZeroMQ drops silently by default, and its descriptor is edge-triggered; both are dealt with here
 * and nowhere else. High-water marks are off (our byte bounds cut instead), a ROUTER says when a
 * peer is unknown and lets a reconnecting peer take over its id, an XPUB never drops, frames are
 * bounded, lingering is bounded, and readiness (ZMQ_EVENTS) is asked before every wait of the loop,
 * of the sockets for which the answer may have changed.
 *
 * Whoever embeds a socket owns it; all sockets of the process share one ZeroMQ context. Closing a
 * socket in its own callbacks is allowed while the memory it lives in stays.
 */
#ifndef SLIP_WIRE_SOCKET_H
#define SLIP_WIRE_SOCKET_H

#include "common/base/span.h"
#include "common/process/loop.h"

enum socket_kind {
    SOCKET_ROUTER,     /* many peers, each under its routing id */
    SOCKET_DEALER,     /* one peer */
    SOCKET_PUBLISHER,  /* XPUB: frames begin with a topic; gets subscriptions */
    SOCKET_SUBSCRIBER, /* SUB */
};

enum { SOCKET_ENDPOINT_SIZE = 288 }; /* room for any "tcp://host:port" and its NUL */

struct socket;

struct socket_handlers {
    /* A frame came. `from` is the peer's routing id (ROUTER only). Both are valid in the call. */
    void (*on_frame)(struct socket *socket, struct span from, struct span frame);
    /* What came had more parts than one frame; it was dropped. */
    void (*on_garbage)(struct socket *socket);
    /* A send that was refused (-EAGAIN) may work now. May be NULL. */
    void (*on_writable)(struct socket *socket);
};

struct socket_options {
    enum socket_kind kind;
    struct span routing_id;  /* DEALER: what the ROUTER knows us by, ≤ 255 bytes */
    int64_t heartbeat_ms;    /* ZMTP's own heartbeats, which find dead connections */
    int64_t peer_timeout_ms; /* … and declare them dead */
    size_t frame_bytes;      /* a peer that sends a larger frame is disconnected */
    bool is_ipv6;
};

struct socket {
    void *zmq; /* NULL when closed */
    struct loop *loop;
    struct loop_source source;
    struct loop_polled polled;
    bool is_router;
    bool is_blocked; /* a send was refused, and nobody has been told yet that it may work */
    bool
        is_touched; /* used, or its descriptor woke us, since ZMQ_EVENTS last said: nothing to do */
    const struct socket_handlers *handlers;
};

/* Opens, not yet bound or connected. Returns 0 or -errno (-EMFILE: too many sockets). */
MUST_USE
int socket_open(struct socket *socket, struct loop *loop, const struct socket_options *options,
                const struct socket_handlers *handlers);

/* Harmless when closed already, or zeroed. */
void socket_close(struct socket *socket);

/* `endpoint` is "tcp://host:port", port 0 for any free one; ret_endpoint names the real port.
 * Returns 0 or -errno. */
MUST_USE
int socket_bind(struct socket *socket, const char *endpoint,
                char ret_endpoint[SOCKET_ENDPOINT_SIZE]);

/* Connects in the background, again and again. Returns 0 or -errno (-EINVAL: not an endpoint). */
MUST_USE
int socket_connect(struct socket *socket, const char *endpoint);

/* SUBSCRIBER: frames that begin with `topic`. */
void socket_subscribe(struct socket *socket, struct span topic);

/* Outside the loop, for the last words of a process: waits for frames at most `limit_ms` and hands
 * over what is there. False when nothing came. */
bool socket_receive_last(struct socket *socket, int64_t limit_ms);

/* Sends one frame, made of the parts in order, to the peer with the routing id `to` (ROUTER only).
 * Returns 0, -EAGAIN (nobody is connected), -EHOSTUNREACH (ROUTER: no such peer is). */
MUST_USE
int socket_send(struct socket *socket, struct span to, const struct span *parts, size_t count);

#endif
