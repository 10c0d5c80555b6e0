#include "common/wire/socket.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

enum {
    LINGER_MS = 500,
    RECONNECT_MS = 20,
    RECONNECT_MAXIMUM_MS = 1000,
    SOCKETS = 8192,
    TURN_FRAMES = 256, /* received in one turn, so that nothing else on the loop starves */
    TURN_BYTES = 4 << 20,
};

/* ---- the context ---- */

static void *context;
static size_t context_users;

static void *context_ref(void)
{
    if (context_users++ == 0) {
        context = zmq_ctx_new();
        ASSERT(context);
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS);
    }
    return context;
}

static void context_unref(void)
{
    if (--context_users > 0)
        return;
    while (zmq_ctx_term(context) < 0 && zmq_errno() == EINTR)
        ;
    context = NULL;
}

/* ---- opening ---- */

static void set_int(void *zmq, int option, int64_t value)
{
    int number = value > INT32_MAX ? INT32_MAX : (int)value;
    int rc = zmq_setsockopt(zmq, option, &number, sizeof(number));
    ASSERT(rc == 0);
}

static void set_common(void *zmq, const struct socket_options *options)
{
    int64_t frame_bytes = (int64_t)options->frame_bytes;
    int rc = zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof(frame_bytes));
    ASSERT(rc == 0);
    set_int(zmq, ZMQ_SNDHWM, 0);
    set_int(zmq, ZMQ_RCVHWM, 0);
    set_int(zmq, ZMQ_LINGER, LINGER_MS);
    set_int(zmq, ZMQ_HEARTBEAT_IVL, options->heartbeat_ms);
    set_int(zmq, ZMQ_HEARTBEAT_TIMEOUT, options->peer_timeout_ms);
    set_int(zmq, ZMQ_HEARTBEAT_TTL, options->peer_timeout_ms);
    set_int(zmq, ZMQ_CONNECT_TIMEOUT, options->peer_timeout_ms);
    set_int(zmq, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(zmq, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAXIMUM_MS);
    set_int(zmq, ZMQ_TCP_KEEPALIVE, 0);
    set_int(zmq, ZMQ_IPV6, options->is_ipv6);
}

static void set_for_kind(void *zmq, const struct socket_options *options)
{
    switch (options->kind) {
    case SOCKET_ROUTER:
        set_int(zmq, ZMQ_ROUTER_MANDATORY, 1);
        set_int(zmq, ZMQ_ROUTER_HANDOVER, 1);
        return;
    case SOCKET_DEALER: {
        /* Without IMMEDIATE what is sent to nobody would wait in a pipe, and be lost with it. */
        set_int(zmq, ZMQ_IMMEDIATE, 1);
        int rc = zmq_setsockopt(zmq, ZMQ_ROUTING_ID, options->routing_id.data,
                                options->routing_id.length);
        ASSERT(rc == 0);
        return;
    }
    case SOCKET_PUBLISHER:
        set_int(zmq, ZMQ_XPUB_NODROP, 1);
        return;
    case SOCKET_SUBSCRIBER:
        return;
    }
}

static int zmq_type(enum socket_kind kind)
{
    static const int types[] = {
        [SOCKET_ROUTER] = ZMQ_ROUTER,
        [SOCKET_DEALER] = ZMQ_DEALER,
        [SOCKET_PUBLISHER] = ZMQ_XPUB,
        [SOCKET_SUBSCRIBER] = ZMQ_SUB,
    };
    return types[kind];
}

/* ZMQ_EVENTS is read in has_work; this ends the wait. */
static void on_event(struct loop_source *source, uint32_t events)
{
    (void)events;
    CONTAINER_OF(source, struct socket, source)->is_touched = true;
}

static bool has_work(struct loop_polled *polled);
static void on_work(struct loop_polled *polled);

int socket_open(struct socket *socket, struct loop *loop, const struct socket_options *options,
                const struct socket_handlers *handlers)
{
    void *zmq = zmq_socket(context_ref(), zmq_type(options->kind));
    if (!zmq) {
        int error = zmq_errno();
        context_unref();
        return -error;
    }
    set_common(zmq, options);
    set_for_kind(zmq, options);
    int fd = -1;
    size_t size = sizeof(fd);
    int rc = zmq_getsockopt(zmq, ZMQ_FD, &fd, &size);
    ASSERT(rc == 0);
    *socket = (struct socket){
        .zmq = zmq,
        .loop = loop,
        .source = {.fd = fd, .events = EPOLLIN, .on_event = on_event},
        .polled = {.has_work = has_work, .on_work = on_work},
        .is_router = options->kind == SOCKET_ROUTER,
        .is_touched = true,
        .handlers = handlers,
    };
    list_init(&socket->polled.link);
    rc = loop_add(loop, &socket->source);
    ASSERT(rc == 0);
    loop_add_polled(loop, &socket->polled);
    return 0;
}

void socket_close(struct socket *socket)
{
    if (!socket->zmq)
        return;
    loop_remove_polled(&socket->polled);
    loop_remove(socket->loop, &socket->source);
    zmq_close(socket->zmq);
    socket->zmq = NULL;
    context_unref();
}

int socket_bind(struct socket *socket, const char *endpoint,
                char ret_endpoint[SOCKET_ENDPOINT_SIZE])
{
    socket->is_touched = true;
    if (zmq_bind(socket->zmq, endpoint) < 0)
        return -zmq_errno();
    size_t size = SOCKET_ENDPOINT_SIZE;
    int rc = zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, ret_endpoint, &size);
    ASSERT(rc == 0);
    return 0;
}

int socket_connect(struct socket *socket, const char *endpoint)
{
    socket->is_touched = true;
    return zmq_connect(socket->zmq, endpoint) < 0 ? -zmq_errno() : 0;
}

void socket_subscribe(struct socket *socket, struct span topic)
{
    socket->is_touched = true;
    int rc = zmq_setsockopt(socket->zmq, ZMQ_SUBSCRIBE, topic.data, topic.length);
    ASSERT(rc == 0);
}

/* ---- sending ---- */

static int send_message(struct socket *socket, zmq_msg_t *message, int flags)
{
    socket->is_touched = true;
    if (zmq_msg_send(message, socket->zmq, flags | ZMQ_DONTWAIT) >= 0)
        return 0;
    int error = zmq_errno();
    zmq_msg_close(message);
    if (error == EAGAIN)
        socket->is_blocked = true;
    return -error;
}

static int send_routing_id(struct socket *socket, struct span to)
{
    zmq_msg_t message;
    int rc = zmq_msg_init_size(&message, to.length);
    ASSERT(rc == 0);
    memcpy(zmq_msg_data(&message), to.data, to.length);
    return send_message(socket, &message, ZMQ_SNDMORE);
}

int socket_send(struct socket *socket, struct span to, const struct span *parts, size_t count)
{
    if (socket->is_router) {
        int rc = send_routing_id(socket, to);
        if (rc < 0)
            return rc;
    }
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    zmq_msg_t message;
    int rc = zmq_msg_init_size(&message, length);
    ASSERT(rc == 0);
    char *place = zmq_msg_data(&message);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(place, parts[i].data, parts[i].length);
        place += parts[i].length;
    }
    return send_message(socket, &message, 0);
}

/* ---- receiving ---- */

static int ready_events(struct socket *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    int rc = zmq_getsockopt(socket->zmq, ZMQ_EVENTS, &events, &size);
    return rc == 0 ? events : 0;
}

/* Once ZMQ_EVENTS has said that nothing is ready, its descriptor tells when that changes; only
 * using the socket may take the news away unseen. Asking costs two system calls, so nobody asks
 * twice. */
static bool has_work(struct loop_polled *polled)
{
    struct socket *socket = CONTAINER_OF(polled, struct socket, polled);
    if (!socket->is_touched)
        return false;
    int events = ready_events(socket);
    bool may_write = socket->is_blocked && (events & ZMQ_POLLOUT);
    socket->is_touched = (events & ZMQ_POLLIN) || may_write;
    return socket->is_touched;
}

static bool receive_part(struct socket *socket, zmq_msg_t *message)
{
    socket->is_touched = true;
    zmq_msg_init(message);
    return zmq_msg_recv(message, socket->zmq, ZMQ_DONTWAIT) >= 0;
}

static struct span message_span(zmq_msg_t *message)
{
    return span_of(zmq_msg_data(message), zmq_msg_size(message));
}

/* The parts of one message arrive together, so none of these reads can come too early. */
static void drop_more_parts(struct socket *socket, zmq_msg_t *last)
{
    while (zmq_msg_more(last)) {
        zmq_msg_close(last);
        if (!receive_part(socket, last))
            return;
    }
}

/* The length of what came, or -1 when nothing was there. */
static int64_t receive_one(struct socket *socket)
{
    zmq_msg_t from, frame;
    bool is_whole = true;
    zmq_msg_init(&from);
    if (socket->is_router) {
        if (!receive_part(socket, &from))
            return -1;
        is_whole = zmq_msg_more(&from);
    }
    if (is_whole && !receive_part(socket, &frame)) {
        zmq_msg_close(&from);
        return -1;
    }
    if (!is_whole)
        zmq_msg_init(&frame);
    int64_t length = (int64_t)zmq_msg_size(&frame);
    if (is_whole && !zmq_msg_more(&frame)) {
        socket->handlers->on_frame(socket, message_span(&from), message_span(&frame));
    } else {
        drop_more_parts(socket, &frame);
        socket->handlers->on_garbage(socket);
    }
    zmq_msg_close(&frame);
    zmq_msg_close(&from);
    return length;
}

static void receive_turn(struct socket *socket)
{
    int64_t bytes = 0;
    for (int frames = 0; socket->zmq && frames < TURN_FRAMES && bytes < TURN_BYTES; frames++) {
        int64_t length = receive_one(socket);
        if (length < 0)
            return;
        bytes += length;
    }
}

static void on_work(struct loop_polled *polled)
{
    struct socket *socket = CONTAINER_OF(polled, struct socket, polled);
    if (socket->is_blocked && (ready_events(socket) & ZMQ_POLLOUT)) {
        socket->is_blocked = false;
        if (socket->handlers->on_writable)
            socket->handlers->on_writable(socket);
    }
    receive_turn(socket);
}

bool socket_receive_last(struct socket *socket, int64_t limit_ms)
{
    socket->is_touched = true;
    zmq_pollitem_t item = {.socket = socket->zmq, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, limit_ms) <= 0)
        return false;
    receive_turn(socket);
    return true;
}
