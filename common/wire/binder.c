/* The side that binds: one ROUTER for all peers, and an XPUB for those that subscribe. A stranger
 * costs nothing until its HELLO is found good. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/table.h"
#include "common/wire/session.h"

enum {
    ROUTING_ID_BYTES = 255,             /* ZeroMQ's bound */
    KEY_SIZE = 2 * WIRE_NAME_BYTES + 2, /* "role-name" */
    TOPIC_BYTES = WIRE_NAME_BYTES + 1,  /* name, NUL: no topic is the beginning of another */
    TOPICS = 2 * LINK_PEERS,            /* more subscriptions are not believed */
    LINGER_MS = 500,
    PUBLISHER_FRAME_BYTES = 1024, /* what an XPUB receives is short */
};

/* Whose numbered packets are published. */
static const char publish_role[] = "edge";

struct binder {
    struct link_set set;
    struct socket router;
    struct socket publisher;
    char endpoint[SOCKET_ENDPOINT_SIZE];
    char publish_endpoint[SOCKET_ENDPOINT_SIZE]; /* empty: no XPUB */
    uint64_t publish_port;
    char *accept_roles;
    struct table by_routing_id;
    struct table by_key;
    struct table topics; /* that somebody is subscribed to now */
    bool is_leaving;
};

struct peer {
    struct link link;
    struct table_link by_routing_id;
    struct table_link by_key;
    uint64_t incarnation;
    bool is_publishable; /* its role gets numbered packets published */
    bool is_subscribed;
    size_t routing_id_length;
    char routing_id[ROUTING_ID_BYTES];
    char key[KEY_SIZE];
};

struct topic {
    struct table_link by_name;
    size_t length;
    char name[TOPIC_BYTES];
};

static struct binder *binder_of(struct link_set *set)
{
    return CONTAINER_OF(set, struct binder, set);
}

static struct peer *peer_of(struct link *link)
{
    return CONTAINER_OF(link, struct peer, link);
}

/* ---- the peers ---- */

static struct peer *find_by_routing_id(const struct binder *binder, struct span routing_id)
{
    struct table_link *found = table_find(&binder->by_routing_id, routing_id);
    return found ? TABLE_ENTRY(found, struct peer, by_routing_id) : NULL;
}

static struct peer *find_by_key(const struct binder *binder, const char *key)
{
    struct table_link *found = table_find(&binder->by_key, span_text(key));
    return found ? TABLE_ENTRY(found, struct peer, by_key) : NULL;
}

static void make_key(char ret_key[KEY_SIZE], struct span role, struct span name)
{
    int length = snprintf(ret_key, KEY_SIZE, "%.*s-%.*s", SPAN_ARGS(role), SPAN_ARGS(name));
    ASSERT(length > 0 && length < KEY_SIZE);
}

/* The topic of the peer with this name, in the characters given. */
static struct span make_topic(char topic[TOPIC_BYTES], struct span name)
{
    memcpy(topic, name.data, name.length);
    topic[name.length] = '\0';
    return span_of(topic, name.length + 1);
}

static struct peer *peer_new(struct binder *binder, struct span routing_id,
                             const struct message_hello *hello)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    ASSERT(routing_id.length <= sizeof(peer->routing_id));
    memcpy(peer->routing_id, routing_id.data, routing_id.length);
    peer->routing_id_length = routing_id.length;
    peer->incarnation = hello->incarnation;
    peer->is_publishable = binder->publish_endpoint[0] && span_is(hello->role, publish_role);
    make_key(peer->key, hello->role, hello->name);
    table_insert(&binder->by_routing_id, &peer->by_routing_id,
                 span_of(peer->routing_id, peer->routing_id_length));
    table_insert(&binder->by_key, &peer->by_key, span_text(peer->key));
    link_init(&peer->link, &binder->set);
    peer->link.address = peer->link.peer_name;
    return peer;
}

/* ---- what the session asks of us ---- */

static int send_to(struct binder *binder, struct span routing_id, struct span header,
                   struct span body)
{
    struct span parts[] = {header, body};
    return socket_send(&binder->router, routing_id, parts, ARRAY_LENGTH(parts));
}

static int transport_send(struct link *link, enum link_path path, struct span header,
                          struct span body)
{
    struct binder *binder = binder_of(link->set);
    struct peer *peer = peer_of(link);
    if (path == LINK_PATH_DIRECT)
        return send_to(binder, span_of(peer->routing_id, peer->routing_id_length), header, body);
    char topic[TOPIC_BYTES];
    struct span parts[] = {make_topic(topic, link_peer_name(link)), header, body};
    return socket_send(&binder->publisher, (struct span){0}, parts, ARRAY_LENGTH(parts));
}

static bool transport_can_publish(struct link *link)
{
    const struct peer *peer = peer_of(link);
    return peer->is_publishable && peer->is_subscribed;
}

static void transport_ended(struct link *link)
{
    struct binder *binder = binder_of(link->set);
    struct peer *peer = peer_of(link);
    table_remove(&binder->by_routing_id, &peer->by_routing_id);
    table_remove(&binder->by_key, &peer->by_key);
    link_bury(link);
}

static void transport_tick(struct link *link)
{
    if (link_silent_ms(link) >= LINK_FORGET_TIMEOUTS * link->set->options.peer_timeout_ms)
        link_finish(link, LINK_END_FORGOTTEN);
}

/* A DEALER with ZMQ_IMMEDIATE throws away what it has not read when its connection closes, so the
 * ROUTER must not close before BYE is read. Who has read it greets again (or has left as well). */
static void transport_linger(struct link_set *set)
{
    struct binder *binder = binder_of(set);
    binder->is_leaving = true;
    TABLE_FOR_EACH(&binder->by_routing_id, each) {
        const struct peer *peer = TABLE_ENTRY(each, struct peer, by_routing_id);
        if (link_silent_ms(&peer->link) >= set->options.peer_timeout_ms)
            table_remove(&binder->by_routing_id, each);
    }
    int64_t end_ms = clock_monotonic_ms() + LINGER_MS, left_ms = LINGER_MS;
    while (binder->by_routing_id.count > 0 && left_ms > 0 &&
           socket_receive_last(&binder->router, left_ms))
        left_ms = end_ms - clock_monotonic_ms();
}

/* Of another session than the one that ended with BYE, or a BYE that crossed ours. */
static void on_frame_while_leaving(struct binder *binder, struct peer *peer,
                                   const struct packet_header *header, struct span messages)
{
    struct wire_message message;
    if (header->number > 0 || messages.length == 0 ||
        !link_set_take_session_message(&binder->set, messages, &message))
        return;
    if (message.id == MESSAGE_HELLO || message.id == MESSAGE_BYE)
        table_remove(&binder->by_routing_id, &peer->by_routing_id);
}

static void transport_release(struct link *link)
{
    free(peer_of(link));
}

static void transport_destroy(struct link_set *set)
{
    struct binder *binder = binder_of(set);
    socket_close(&binder->router);
    socket_close(&binder->publisher);
    table_fini(&binder->by_routing_id);
    table_fini(&binder->by_key);
    TABLE_FOR_EACH(&binder->topics, each)
        free(TABLE_ENTRY(each, struct topic, by_name));
    table_fini(&binder->topics);
    free(binder->accept_roles);
    link_set_fini(set);
    free(binder);
}

static const struct link_transport transport = {
    .send = transport_send,
    .can_publish = transport_can_publish,
    .ended = transport_ended,
    .tick = transport_tick,
    .linger = transport_linger,
    .release = transport_release,
    .destroy = transport_destroy,
};

/* ---- strangers ---- */

/* Answers a session that is not (or not yet) a link's. */
static void answer(struct binder *binder, struct span routing_id, uint64_t from, uint64_t to,
                   const struct wire_message *message)
{
    struct link_set *set = &binder->set;
    buffer_clear(&set->header);
    buffer_clear(&set->body);
    packet_header_put(&set->header, &(struct packet_header){
                                        .version = WIRE_VERSION,
                                        .from = from,
                                        .to = to,
                                    });
    wire_put_message(&set->body, message);
    /* If it is gone meanwhile, nobody is left to be told. */
    if (send_to(binder, routing_id, buffer_span(&set->header), buffer_span(&set->body)) == 0)
        set->counters.packets_sent++;
}

static void refuse(struct binder *binder, struct span routing_id, uint64_t session,
                   enum link_refusal code)
{
    static const char *const reasons[] = {
        [LINK_REFUSED_STACK] = "this process belongs to another stack",
        [LINK_REFUSED_ROLE] = "this process does not talk to that role",
        [LINK_REFUSED_FULL] = "too many peers",
        [LINK_REFUSED_NAME] = "a name that is empty or not printable",
        [LINK_REFUSED_ALIAS] = "linked already, by another address",
    };
    struct wire_message message = {
        .id = MESSAGE_REFUSED,
        .as.refused = {.reason = span_text(reasons[code]), .code = code},
    };
    binder->set.counters.refused++;
    answer(binder, routing_id, 0, session, &message);
}

static void welcome(struct binder *binder, struct peer *peer, uint64_t session)
{
    const struct link_set *set = &binder->set;
    struct wire_message message = {
        .id = MESSAGE_WELCOME,
        .as.welcome =
            {
                .role = span_text(set->role),
                .stack = span_text(set->stack),
                .name = span_text(set->name),
                .version = span_text(SLIP_VERSION),
                .publish_port = peer->is_publishable ? binder->publish_port : 0,
            },
    };
    answer(binder, span_of(peer->routing_id, peer->routing_id_length), peer->link.session, session,
           &message);
}

static bool is_accepted_role(const struct binder *binder, struct span role)
{
    struct span rest = span_text(binder->accept_roles);
    while (rest.data)
        if (span_equal(span_trim(span_split(&rest, ',')), role))
            return true;
    return false;
}

/* 0, or why this HELLO opens no session, whoever is linked already. */
static int find_fault(const struct binder *binder, const struct message_hello *hello)
{
    if (!span_is(hello->stack, binder->set.stack))
        return LINK_REFUSED_STACK;
    if (!is_accepted_role(binder, hello->role))
        return LINK_REFUSED_ROLE;
    if (!link_name_is_valid(hello->name))
        return LINK_REFUSED_NAME;
    return 0;
}

static bool is_alias(const struct binder *binder, struct peer *same,
                     const struct message_hello *hello)
{
    return same->incarnation == hello->incarnation &&
           link_silent_ms(&same->link) < binder->set.options.peer_timeout_ms;
}

static void begin(struct binder *binder, struct span routing_id, uint64_t session,
                  const struct message_hello *hello)
{
    struct peer *peer = peer_new(binder, routing_id, hello);
    char topic[TOPIC_BYTES];
    welcome(binder, peer, session);
    peer->is_subscribed = table_find(&binder->topics, make_topic(topic, hello->name));
    link_begin(&peer->link, session, hello->name, hello->role);
}

static void on_hello(struct binder *binder, struct span routing_id, uint64_t session,
                     const struct message_hello *hello)
{
    int fault = find_fault(binder, hello);
    if (fault) {
        refuse(binder, routing_id, session, (enum link_refusal)fault);
        return;
    }
    struct peer *here = find_by_routing_id(binder, routing_id);
    if (here && here->link.peer_session == session) {
        welcome(binder, here, session); /* the first one was lost, or crossed this HELLO */
        return;
    }
    char key[KEY_SIZE];
    make_key(key, hello->role, hello->name);
    struct peer *same = find_by_key(binder, key);
    if (same && same != here && is_alias(binder, same, hello)) {
        refuse(binder, routing_id, session, LINK_REFUSED_ALIAS);
        return;
    }
    if (here)
        link_finish(&here->link, LINK_END_REPLACED);
    /* Looked up again: on_down may have done anything. */
    same = find_by_key(binder, key);
    if (same)
        link_finish(&same->link, LINK_END_REPLACED);
    if (binder->by_key.count >= LINK_PEERS)
        refuse(binder, routing_id, session, LINK_REFUSED_FULL);
    else
        begin(binder, routing_id, session, hello);
}

/* A packet of no session we have. */
static void on_stranger(struct binder *binder, struct span routing_id,
                        const struct packet_header *header, struct span messages)
{
    struct wire_message message;
    if (header->from == 0) {
        binder->set.counters.malformed++;
        return;
    }
    if (header->number == 0 && messages.length > 0) {
        if (!link_set_take_session_message(&binder->set, messages, &message))
            return;
        if (message.id == MESSAGE_HELLO) {
            on_hello(binder, routing_id, header->from, &message.as.hello);
            return;
        }
        if (message.id == MESSAGE_BYE || message.id == MESSAGE_RESYNC)
            return;
    }
    binder->set.counters.resyncs++;
    answer(binder, routing_id, 0, header->from, &(struct wire_message){.id = MESSAGE_RESYNC});
}

static void on_router_frame(struct socket *socket, struct span from, struct span frame)
{
    struct binder *binder = CONTAINER_OF(socket, struct binder, router);
    struct packet_header header;
    if (!link_set_take_header(&binder->set, &frame, &header))
        return;
    struct peer *peer = find_by_routing_id(binder, from);
    if (binder->is_leaving) {
        if (peer)
            on_frame_while_leaving(binder, peer, &header, frame);
        return;
    }
    if (peer && peer->link.peer_session == header.from && peer->link.session == header.to)
        link_receive(&peer->link, &header, frame);
    else
        on_stranger(binder, from, &header, frame);
}

static void on_router_garbage(struct socket *socket)
{
    CONTAINER_OF(socket, struct binder, router)->set.counters.malformed++;
}

static const struct socket_handlers router_handlers = {
    .on_frame = on_router_frame,
    .on_garbage = on_router_garbage,
};

/* ---- subscriptions ---- */

static struct peer *find_edge(const struct binder *binder, struct span topic)
{
    char key[KEY_SIZE];
    make_key(key, span_text(publish_role), span_of(topic.data, topic.length - 1));
    return find_by_key(binder, key);
}

static void on_subscribed(struct binder *binder, struct span name)
{
    if (binder->topics.count >= TOPICS || table_find(&binder->topics, name))
        return;
    struct topic *topic = xcalloc(1, sizeof(*topic));
    memcpy(topic->name, name.data, name.length);
    topic->length = name.length;
    table_insert(&binder->topics, &topic->by_name, span_of(topic->name, topic->length));
    struct peer *peer = find_edge(binder, name);
    if (peer)
        peer->is_subscribed = true;
}

static void on_unsubscribed(struct binder *binder, struct span name)
{
    struct table_link *found = table_find(&binder->topics, name);
    if (!found)
        return;
    table_remove(&binder->topics, found);
    free(TABLE_ENTRY(found, struct topic, by_name));
    struct peer *peer = find_edge(binder, name);
    if (!peer)
        return;
    peer->is_subscribed = false;
    link_path_lost(&peer->link);
}

/* An XPUB receives a byte 1 (or 0) and the topic when the first subscription comes (the last goes).
 * A topic that cannot be one of ours is anybody's right, and nothing to us. */
static void on_publisher_frame(struct socket *socket, struct span from, struct span frame)
{
    (void)from;
    struct binder *binder = CONTAINER_OF(socket, struct binder, publisher);
    struct span topic = span_of(frame.data + 1, frame.length > 0 ? frame.length - 1 : 0);
    bool is_ours = topic.length > 1 && topic.data[topic.length - 1] == '\0' &&
                   link_name_is_valid(span_of(topic.data, topic.length - 1));
    if (frame.length == 0 || (unsigned char)frame.data[0] > 1)
        binder->set.counters.malformed++;
    else if (is_ours && frame.data[0] == 1)
        on_subscribed(binder, topic);
    else if (is_ours)
        on_unsubscribed(binder, topic);
}

static void on_publisher_garbage(struct socket *socket)
{
    CONTAINER_OF(socket, struct binder, publisher)->set.counters.malformed++;
}

static const struct socket_handlers publisher_handlers = {
    .on_frame = on_publisher_frame,
    .on_garbage = on_publisher_garbage,
};

/* ---- binding ---- */

static int bind_socket(struct binder *binder, struct socket *socket, enum socket_kind kind,
                       const char *endpoint, char ret_endpoint[SOCKET_ENDPOINT_SIZE])
{
    const struct link_options *options = &binder->set.options;
    struct socket_options socket_options = {
        .kind = kind,
        .heartbeat_ms = options->heartbeat_ms,
        .peer_timeout_ms = options->peer_timeout_ms,
        .frame_bytes = kind == SOCKET_ROUTER ? LINK_FRAME_BYTES : PUBLISHER_FRAME_BYTES,
        .is_ipv6 = strchr(endpoint, '[') != NULL,
    };
    int rc = socket_open(socket, binder->set.loop, &socket_options,
                         kind == SOCKET_ROUTER ? &router_handlers : &publisher_handlers);
    return rc < 0 ? rc : socket_bind(socket, endpoint, ret_endpoint);
}

static uint64_t port_of(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    uint64_t port = 0;
    int rc = colon ? span_to_u64(span_text(colon + 1), UINT16_MAX, &port) : -EINVAL;
    return rc < 0 ? 0 : port;
}

int link_set_bind(struct loop *loop, const struct link_options *options, const char *endpoint,
                  const char *publish_endpoint, const char *accept_roles, struct link_set **ret_set)
{
    struct binder *binder = xcalloc(1, sizeof(*binder));
    link_set_init(&binder->set, &transport, loop, options);
    binder->accept_roles = xstrdup(accept_roles);
    table_init(&binder->by_routing_id);
    table_init(&binder->by_key);
    table_init(&binder->topics);
    int rc = bind_socket(binder, &binder->router, SOCKET_ROUTER, endpoint, binder->endpoint);
    if (rc == 0 && publish_endpoint)
        rc = bind_socket(binder, &binder->publisher, SOCKET_PUBLISHER, publish_endpoint,
                         binder->publish_endpoint);
    if (rc < 0) {
        transport_destroy(&binder->set);
        return rc;
    }
    binder->publish_port = port_of(binder->publish_endpoint);
    *ret_set = &binder->set;
    return 0;
}

static_assert(offsetof(struct binder, set) == 0, "a set that was bound is the start of a binder");

static const struct binder *const_binder_of(const struct link_set *set)
{
    ASSERT(set->transport == &transport);
    return (const struct binder *)(const void *)set;
}

const char *link_set_endpoint(const struct link_set *set)
{
    return const_binder_of(set)->endpoint;
}

const char *link_set_publish_endpoint(const struct link_set *set)
{
    const struct binder *binder = const_binder_of(set);
    return binder->publish_endpoint[0] ? binder->publish_endpoint : NULL;
}
