/* The side that connects: one target for each address, each with a DEALER of its own (one for all
 * would deal the packets out among them) and, when the WELCOME names a port, a SUB. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/resolver.h"
#include "common/wire/session.h"

struct connector {
    struct link_set set;
    struct resolver *resolver;
    char *expect_role;
    char *topic;      /* our name; its NUL is part of the topic */
    bool is_resolved; /* every name has been answered once */
    uint64_t targets_made;
};

struct target {
    struct link link;
    struct socket dealer;
    struct socket subscriber;
    uint64_t publish_port; /* where the subscriber is connected to */
    int64_t greeted_ms;
    int64_t greet_again_ms;
    bool is_listed; /* the name server still names it */
    bool is_alias;  /* the same process is linked by another address */
    bool refusal_told;
    char address[RESOLVER_TEXT_SIZE];
};

static struct connector *connector_of(struct link_set *set)
{
    return CONTAINER_OF(set, struct connector, set);
}

static struct target *target_of(struct link *link)
{
    return CONTAINER_OF(link, struct target, link);
}

/* ---- greeting ---- */

static void greet(struct target *target)
{
    const struct link_set *set = target->link.set;
    target->greeted_ms = loop_now_ms(set->loop);
    link_say(&target->link, &(struct wire_message){
                                .id = MESSAGE_HELLO,
                                .as.hello =
                                    {
                                        .role = span_text(set->role),
                                        .stack = span_text(set->stack),
                                        .name = span_text(set->name),
                                        .version = span_text(SLIP_VERSION),
                                        .incarnation = set->incarnation,
                                    },
                            });
}

static void tell_refusal(struct target *target, struct span reason)
{
    const struct link_options *options = &target->link.set->options;
    target->greet_again_ms = options->peer_timeout_ms;
    if (target->refusal_told)
        return;
    target->refusal_told = true;
    if (options->handlers.on_refused)
        options->handlers.on_refused(options->context, &target->link, reason);
}

static void on_refused(struct target *target, const struct message_refused *refused)
{
    struct link_set *set = target->link.set;
    set->counters.refused++;
    target->is_alias = refused->code == LINK_REFUSED_ALIAS;
    if (target->is_alias)
        target->greet_again_ms = set->options.peer_timeout_ms;
    else
        tell_refusal(target, refused->reason);
}

/* It counts us as a peer already. */
static void decline(struct target *target, uint64_t session, const char *reason)
{
    target->link.peer_session = session;
    link_say(&target->link, &(struct wire_message){.id = MESSAGE_BYE});
    target->link.peer_session = 0;
    tell_refusal(target, span_text(reason));
}

static void subscribe(struct target *target, uint64_t port);

static void on_welcome(struct target *target, uint64_t session,
                       const struct message_welcome *welcome)
{
    struct link_set *set = target->link.set;
    if (!span_is(welcome->stack, set->stack)) {
        decline(target, session, "it belongs to another stack");
    } else if (!span_is(welcome->role, connector_of(set)->expect_role)) {
        decline(target, session, "it has another role than expected");
    } else if (!link_name_is_valid(welcome->name)) {
        decline(target, session, "its name is empty or not printable");
    } else {
        target->is_alias = false;
        target->refusal_told = false;
        subscribe(target, welcome->publish_port);
        link_begin(&target->link, session, welcome->name, welcome->role);
    }
}

static void on_answer(struct target *target, const struct packet_header *header,
                      struct span messages)
{
    struct wire_message message;
    if (header->number > 0 || messages.length == 0 ||
        !link_set_take_session_message(target->link.set, messages, &message))
        return;
    target->link.heard_ms = loop_now_ms(target->link.set->loop);
    if (message.id == MESSAGE_WELCOME && header->from != 0)
        on_welcome(target, header->from, &message.as.welcome);
    else if (message.id == MESSAGE_REFUSED)
        on_refused(target, &message.as.refused);
}

/* ---- receiving ---- */

/* We are up, but this is not the session's peer: it has forgotten us, or is a successor that got
 * an old HELLO of ours. */
static void on_other_peer(struct target *target, const struct packet_header *header,
                          struct span messages)
{
    struct link_set *set = target->link.set;
    struct wire_message message;
    if (header->number > 0 || messages.length == 0 ||
        !link_set_take_session_message(set, messages, &message))
        return;
    if (message.id != MESSAGE_RESYNC && message.id != MESSAGE_WELCOME)
        return;
    set->counters.resyncs++;
    link_finish(&target->link, LINK_END_RESYNC);
}

static void on_packet(struct target *target, struct span frame)
{
    struct link *link = &target->link;
    struct packet_header header;
    if (!link_set_take_header(link->set, &frame, &header))
        return;
    if (link->state == LINK_DEAD || header.to != link->session)
        return; /* for a session that is over */
    if (!link_is_up(link))
        on_answer(target, &header, frame);
    else if (header.from == link->peer_session)
        link_receive(link, &header, frame);
    else
        on_other_peer(target, &header, frame);
}

static void on_dealer_frame(struct socket *socket, struct span from, struct span frame)
{
    (void)from;
    on_packet(CONTAINER_OF(socket, struct target, dealer), frame);
}

static void on_dealer_garbage(struct socket *socket)
{
    CONTAINER_OF(socket, struct target, dealer)->link.set->counters.malformed++;
}

static void on_dealer_writable(struct socket *socket)
{
    struct target *target = CONTAINER_OF(socket, struct target, dealer);
    if (link_is_up(&target->link))
        link_pump(&target->link);
    else if (target->link.state == LINK_GREETING)
        greet(target);
}

static const struct socket_handlers dealer_handlers = {
    .on_frame = on_dealer_frame,
    .on_garbage = on_dealer_garbage,
    .on_writable = on_dealer_writable,
};

/* ---- subscribing ---- */

static struct span topic_of(struct target *target)
{
    const char *topic = connector_of(target->link.set)->topic;
    return span_of(topic, strlen(topic) + 1);
}

static void on_subscriber_frame(struct socket *socket, struct span from, struct span frame)
{
    (void)from;
    struct target *target = CONTAINER_OF(socket, struct target, subscriber);
    struct span topic = topic_of(target);
    if (!span_starts_with(frame, topic)) {
        target->link.set->counters.malformed++;
        return;
    }
    on_packet(target, span_of(frame.data + topic.length, frame.length - topic.length));
}

static void on_subscriber_garbage(struct socket *socket)
{
    CONTAINER_OF(socket, struct target, subscriber)->link.set->counters.malformed++;
}

static const struct socket_handlers subscriber_handlers = {
    .on_frame = on_subscriber_frame,
    .on_garbage = on_subscriber_garbage,
};

static int connect_socket(struct target *target, struct socket *socket, enum socket_kind kind,
                          struct span routing_id, const char *endpoint)
{
    const struct link_set *set = target->link.set;
    struct socket_options options = {
        .kind = kind,
        .routing_id = routing_id,
        .heartbeat_ms = set->options.heartbeat_ms,
        .peer_timeout_ms = set->options.peer_timeout_ms,
        .frame_bytes = LINK_FRAME_BYTES,
        .is_ipv6 = target->address[0] == '[',
    };
    int rc = socket_open(socket, set->loop, &options,
                         kind == SOCKET_DEALER ? &dealer_handlers : &subscriber_handlers);
    if (rc < 0)
        return rc;
    if (kind == SOCKET_SUBSCRIBER)
        socket_subscribe(socket, topic_of(target));
    rc = socket_connect(socket, endpoint);
    if (rc < 0)
        socket_close(socket);
    return rc;
}

/* Without a subscription (or when it fails) everything comes by the DEALER. */
static void subscribe(struct target *target, uint64_t port)
{
    if (port == target->publish_port)
        return;
    socket_close(&target->subscriber);
    target->publish_port = 0;
    if (port == 0)
        return;
    char endpoint[SOCKET_ENDPOINT_SIZE];
    int host_length = (int)(strrchr(target->address, ':') - target->address);
    snprintf(endpoint, sizeof(endpoint), "tcp://%.*s:%u", host_length, target->address,
             (unsigned)port);
    if (connect_socket(target, &target->subscriber, SOCKET_SUBSCRIBER, (struct span){0},
                       endpoint) == 0)
        target->publish_port = port;
}

/* ---- what the session asks of us ---- */

static int transport_send(struct link *link, enum link_path path, struct span header,
                          struct span body)
{
    ASSERT(path == LINK_PATH_DIRECT);
    struct span parts[] = {header, body};
    return socket_send(&target_of(link)->dealer, (struct span){0}, parts, ARRAY_LENGTH(parts));
}

static bool transport_can_publish(struct link *link)
{
    (void)link;
    return false;
}

static void transport_ended(struct link *link)
{
    struct target *target = target_of(link);
    struct link_set *set = link->set;
    target->greet_again_ms = set->options.heartbeat_ms;
    /* At once, unless we have only just done so: who drops every session must not spin. */
    if (loop_now_ms(set->loop) - target->greeted_ms >= set->tick_ms)
        greet(target);
    else
        target->greet_again_ms = set->tick_ms;
}

/* DNS only adds; it takes away what is silent as well. */
static bool is_gone(struct target *target)
{
    struct link *link = &target->link;
    if (target->is_listed)
        return false;
    return link_silent_ms(link) >= link->set->options.peer_timeout_ms ||
           (!link_is_up(link) && (target->is_alias || link->end == LINK_END_BYE));
}

static void transport_tick(struct link *link)
{
    struct target *target = target_of(link);
    if (is_gone(target)) {
        link_finish(link, LINK_END_FORGOTTEN);
        link_bury(link);
        return;
    }
    int64_t since_ms = loop_now_ms(link->set->loop) - target->greeted_ms;
    if (!link_is_up(link) && since_ms >= target->greet_again_ms) {
        if (target->greet_again_ms < link->set->options.heartbeat_ms)
            target->greet_again_ms = link->set->options.heartbeat_ms;
        greet(target);
    }
}

/* What a DEALER sent before it closes, the ROUTER reads. */
static void transport_linger(struct link_set *set)
{
    (void)set;
}

static void transport_release(struct link *link)
{
    struct target *target = target_of(link);
    socket_close(&target->dealer);
    socket_close(&target->subscriber);
    free(target);
}

static void transport_destroy(struct link_set *set)
{
    struct connector *connector = connector_of(set);
    resolver_destroy(&connector->resolver);
    free(connector->expect_role);
    free(connector->topic);
    link_set_fini(set);
    free(connector);
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

/* ---- the targets ---- */

static struct target *find_target(struct connector *connector, const char *address)
{
    LIST_FOR_EACH(&connector->set.links, each) {
        struct target *target = target_of(LIST_ENTRY(each, struct link, link));
        if (target->link.state != LINK_DEAD && strcmp(target->address, address) == 0)
            return target;
    }
    return NULL;
}

/* A routing id of its own for each target: two addresses of one ROUTER would take the id from each
 * other for ever. */
static int open_dealer(struct connector *connector, struct target *target)
{
    char routing_id[2 * WIRE_NAME_BYTES + 32], endpoint[SOCKET_ENDPOINT_SIZE];
    snprintf(routing_id, sizeof(routing_id), "%s-%s-%ju", connector->set.role, connector->set.name,
             (uintmax_t)connector->targets_made++);
    snprintf(endpoint, sizeof(endpoint), "tcp://%s", target->address);
    return connect_socket(target, &target->dealer, SOCKET_DEALER, span_text(routing_id), endpoint);
}

/* Out of sockets is a moment's trouble: the next look-up tries again. */
static void add_target(struct connector *connector, const struct resolver_address *address)
{
    struct target *target = xcalloc(1, sizeof(*target));
    memcpy(target->address, address->text, sizeof(target->address));
    target->link.set = &connector->set;
    if (open_dealer(connector, target) < 0) {
        free(target);
        return;
    }
    link_init(&target->link, &connector->set);
    target->link.address = target->address;
    target->is_listed = true;
    target->greet_again_ms = connector->set.options.heartbeat_ms;
    greet(target);
}

static void on_resolved(void *context, const struct resolver_result *result)
{
    struct connector *connector = context;
    if (result->is_complete) {
        connector->is_resolved = true;
        LIST_FOR_EACH(&connector->set.links, each)
            target_of(LIST_ENTRY(each, struct link, link))->is_listed = false;
    }
    for (size_t i = 0; i < result->count; i++) {
        struct target *target = find_target(connector, result->addresses[i].text);
        if (target)
            target->is_listed = true;
        else
            add_target(connector, &result->addresses[i]);
    }
}

int link_set_connect(struct loop *loop, const struct link_options *options, const char *addresses,
                     const char *expect_role, struct link_set **ret_set)
{
    struct connector *connector = xcalloc(1, sizeof(*connector));
    link_set_init(&connector->set, &transport, loop, options);
    connector->expect_role = xstrdup(expect_role);
    connector->topic = xstrdup(options->name);
    int rc = resolver_start(loop, span_text(addresses), options->resolve_interval_ms, on_resolved,
                            connector, &connector->resolver);
    if (rc < 0) {
        transport_destroy(&connector->set);
        return rc;
    }
    *ret_set = &connector->set;
    return 0;
}

bool link_set_is_settled(const struct link_set *set)
{
    ASSERT(set->transport == &transport);
    const struct connector *connector = (const struct connector *)(const void *)set;
    if (!connector->is_resolved || set->up_count == 0)
        return false;
    for (struct list *each = set->links.next; each != &set->links; each = each->next) {
        struct target *target = target_of(LIST_ENTRY(each, struct link, link));
        bool is_waited_for = target->is_listed && !target->is_alias;
        if (is_waited_for && !link_is_up(&target->link))
            return false;
    }
    return true;
}
