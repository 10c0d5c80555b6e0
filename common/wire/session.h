/* The inside of a link, shared by its three parts and by nobody else:
 *
 *     link.c        what programs ask and say; the set
 *     session.c     the session, the same on both sides: packets, acknowledgement, repair, time
 *     binder.c      who may begin one; finds the link for a frame; ROUTER and XPUB
 *     connector.c   where to; greets until welcomed; DEALER and SUB
 *
 * The set calls the link for every packet of its session; the link calls the set through
 * `struct link_transport`.
 */
#ifndef SLIP_WIRE_SESSION_H
#define SLIP_WIRE_SESSION_H

#include "common/process/metrics.h"
#include "common/wire/link.h"
#include "common/wire/socket.h"
#include "common/wire/stream.h"

enum link_path {
    LINK_PATH_DIRECT,  /* ROUTER or DEALER */
    LINK_PATH_PUBLISH, /* XPUB */
};

/* What binder and connector do differently. */
struct link_transport {
    /* Hands a packet to the socket: 0 or -errno; what was not sent stays in the stream. */
    int (*send)(struct link *link, enum link_path path, struct span header, struct span body);
    /* Will a packet that is published now certainly reach the peer, unless a connection breaks? */
    bool (*can_publish)(struct link *link);
    /* The session is over, before on_down: a binder forgets the peer, a connector greets again. */
    void (*ended)(struct link *link);
    /* Every set->tick_ms, while not dead. */
    void (*tick)(struct link *link);
    /* BYE was said to all: waits, within bounds, until it is heard. No link is used after. */
    void (*linger)(struct link_set *set);
    /* Frees what the link is part of, after link_fini. */
    void (*release)(struct link *link);
    /* Closes sockets and frees the set; all links were released. */
    void (*destroy)(struct link_set *set);
};

/* What belongs to the sessions of peers of one role; link_set.counters has everything. */
struct link_traffic {
    bool was_there; /* a peer of this role, ever */
    uint64_t packets_sent, packets_received;
    uint64_t bytes_sent, bytes_received;
    uint64_t resends, resyncs, malformed;
    uint64_t lost; /* silent for peer_timeout_ms */
};

struct link_set {
    const struct link_transport *transport;
    struct loop *loop;
    struct link_options options; /* its strings are the three below */
    char *role;
    char *stack;
    char *name;
    uint64_t incarnation;
    int64_t tick_ms;
    struct list links; /* dead ones too, until the end of the turn */
    size_t up_count;
    struct wire_decoder decoder;
    struct buffer header; /* of the packet being sent */
    struct buffer body;   /* of the unnumbered packet being sent */
    struct link_counters counters;
    struct link_traffic traffic[LABEL_COUNT_peer];
    size_t frame_bytes; /* of the frame that is being received */
    struct loop_deferred reap;
};

enum link_state {
    LINK_GREETING, /* a connector waits for its WELCOME */
    LINK_UP,
    LINK_DEAD, /* freed at the end of the turn */
};

struct link {
    struct link_set *set;
    struct list link;    /* in set->links */
    const char *address; /* of whoever embeds the link */
    enum link_state state;
    enum link_end end;
    uint64_t session;      /* ours */
    uint64_t peer_session; /* 0 while greeting */
    char peer_name[WIRE_NAME_BYTES + 1];
    char peer_role[WIRE_NAME_BYTES + 1];
    enum metric_label_peer peer; /* the role for metrics; unknown before the first session */
    void *data;

    struct stream_sender sender;
    struct stream_receiver receiver;
    struct buffer packet;   /* gathered in this turn */
    uint64_t direct_number; /* the highest number sent by LINK_PATH_DIRECT */
    int64_t heard_ms;
    int64_t sent_ms;
    bool silence_told;
    bool is_broken; /* a packet was longer than any frame may be: the session ends with the turn */
    struct loop_deferred flush;
    struct loop_timer acknowledge;
    struct loop_timer tick;
};

/* Names of processes and roles: 1 … WIRE_NAME_BYTES printable ASCII characters without blanks. */
bool link_name_is_valid(struct span name);

void link_set_init(struct link_set *set, const struct link_transport *transport, struct loop *loop,
                   const struct link_options *options);
void link_set_fini(struct link_set *set);

/* What is counted of the link's own role. */
static inline struct link_traffic *link_traffic(struct link *link)
{
    return &link->set->traffic[link->peer];
}

/* The label of a role ("webhook-worker"), LABEL_PEER_UNKNOWN for one that is none of ours. */
enum metric_label_peer link_peer_label(struct span role);

/* Adds a link that greets (peer_session 0) to the set, and starts its ticks. */
void link_init(struct link *link, struct link_set *set);

/* Takes it out of the set and frees what it holds. */
void link_fini(struct link *link);

/* The session begins; on_up is called. */
void link_begin(struct link *link, uint64_t peer_session, struct span peer_name,
                struct span peer_role);

/* The session ends, if there is one; on_down is called. */
void link_finish(struct link *link, enum link_end end);

/* The link is not used any more; it is released at the end of the turn. Not while up. */
void link_bury(struct link *link);

/* A packet of this session has come: `header` was taken off the front, `messages` is the rest. */
void link_receive(struct link *link, const struct packet_header *header, struct span messages);

/* Sends one unnumbered packet in the session, with one message or (NULL) none. */
void link_say(struct link *link, const struct wire_message *message);

/* Hands to the socket what it has not taken yet. */
void link_pump(struct link *link);

/* When the gathered packet is long enough, begins the next one. */
void link_split_packet(struct link *link);

/* Sends everything gathered, by any path, and BYE. Harmless when not up. */
void link_say_farewell(struct link *link);

/* What was published may be lost: everything not yet received goes again, by the direct path. */
void link_path_lost(struct link *link);

/* Takes the header off a frame and counts what comes. False when the frame is not a packet of our
 * version. */
MUST_USE
bool link_set_take_header(struct link_set *set, struct span *frame,
                          struct packet_header *ret_header);

/* Decodes the next message of a packet, counting what comes. False when there is none that we know;
 * then `rest` has moved only past a message of a newer version. */
MUST_USE
bool link_set_take_message(struct link_set *set, struct span *rest,
                           struct wire_message *ret_message);

/* Decodes the one message of an unnumbered packet. False (and counted) when it is none we know. */
MUST_USE
bool link_set_take_session_message(struct link_set *set, struct span messages,
                                   struct wire_message *ret_message);

#endif
