/* A TCP proxy on the loop of a test, between two ends of a link: it passes bytes on, or swallows
 * what comes and then cuts every connection, which is how ZeroMQ loses messages that were sent. */
#ifndef SLIP_UNIT_TCP_PROXY_H
#define SLIP_UNIT_TCP_PROXY_H

#include "common/base/list.h"
#include "common/process/loop.h"

struct tcp_proxy {
    struct loop *loop;
    struct loop_source listener;
    struct list pairs;
    int port;
    int upstream_port;
    bool swallows;
    size_t swallowed_bytes;
};

/* Listens on 127.0.0.1, any free port, for 127.0.0.1:upstream_port. */
void tcp_proxy_open(struct tcp_proxy *proxy, struct loop *loop, int upstream_port);
void tcp_proxy_close(struct tcp_proxy *proxy);

/* From now on everything that comes is lost; new connections get nowhere. */
void tcp_proxy_swallow(struct tcp_proxy *proxy);

/* Cuts all connections (RST) and passes on what new ones bring. */
void tcp_proxy_cut(struct tcp_proxy *proxy);

#endif
