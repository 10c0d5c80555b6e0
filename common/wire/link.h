/* A link: the conversation between two processes, as one reliable stream in each direction.
 *
 *     connector (edge, worker)                         binder (router, control)
 *     DEALER, one per resolved address   ── HELLO ──▶  ROUTER, one for all its peers
 *                                        ◀─ WELCOME ─  (control → edge also XPUB → SUB)
 *
 * ZeroMQ reconnects by itself and loses what was in the pipe while every send succeeded. So a
 * packet carries its session (a number drawn by each side), its own number, the highest number
 * sent and the highest received without a gap:
 *
 *     [version, from, to, number, sent, received] message message …      one ZeroMQ frame
 *
 * The sender keeps a packet until the peer has received it (stream.h), within buffer_bytes. The
 * receiver delivers packets in order, once; on a gap, or when a heartbeat shows a tail that does
 * not come, it asks for a RESEND. When either side has forgotten the session (it restarted),
 * RESYNC ends it: the connector begins again with a new one, and the programs say again what the
 * peer must know. Received is transport only; that something has been *done* is another message's
 * business.
 *
 *     connector:  GREETING ── WELCOME ──▶ UP ── RESYNC, BYE, overflow, link_drop ──▶ GREETING …
 *     binder:     (nothing) ── HELLO ──▶ UP ── BYE, overflow, another session,
 *                                              silence, link_drop ──▶ (nothing)
 *
 * What a turn of the loop produced for a peer leaves as one packet at the end of the turn.
 * One thread; all callbacks run on the loop. A callback may do anything to any link; only
 * link_set_destroy() is not allowed in a callback of that set.
 */
#ifndef SLIP_WIRE_LINK_H
#define SLIP_WIRE_LINK_H

#include "common/base/buffer.h"
#include "common/process/loop.h"
#include "common/process/metrics.h"
#include "common/wire/wire.h"

struct link;     /* one peer, connected or trying to be */
struct link_set; /* all links of a process of one kind: a binder's peers, or a connector's targets
                  */

enum {
    LINK_PACKET_BYTES = 256 << 10, /* a packet is closed once it is this long … */
    LINK_FRAME_BYTES = 160 << 20,  /* … and may never be longer than this (ZMQ_MAXMSGSIZE) */
    LINK_PEERS = 4096,             /* most peers of one binder */
    LINK_FORGET_TIMEOUTS = 10,     /* a binder forgets a peer silent for this × peer_timeout_ms */
};

/* Why a session ended. */
enum link_end {
    LINK_END_NONE = 0,  /* it has not */
    LINK_END_RESYNC,    /* the peer does not know it (any more): it restarted, or dropped us */
    LINK_END_REPLACED,  /* the peer began a new one */
    LINK_END_BYE,       /* the peer has left for good */
    LINK_END_OVERFLOW,  /* the peer does not receive: twice buffer_bytes, or one giant packet */
    LINK_END_FORGOTTEN, /* silent for far too long, or gone from DNS and silent */
    LINK_END_DROPPED,   /* link_drop() */
};

struct link_handlers {
    /* A session has begun: say what the peer must know. */
    void (*on_up)(void *context, struct link *link);
    /* The session is over (link_end() says why); what had been sent may not have arrived. A
     * binder's link is gone after this call (its memory lives until the end of the turn); a
     * connector's goes on greeting. */
    void (*on_down)(void *context, struct link *link);
    /* One decoded message, never one of the session's own (HELLO … BYE); its spans and arrays are
     * valid during the call. */
    void (*on_message)(void *context, struct link *link, const struct wire_message *message);
    /* The peer has received all packets up to link_received(link). May be NULL. */
    void (*on_received)(void *context, struct link *link);
    /* Nothing was heard for peer_timeout_ms; called once a silence. The session stays unless the
     * program drops it. May be NULL. */
    void (*on_silent)(void *context, struct link *link);
    /* Connector: the peer refuses us, or is not of the role we expect. Called once until the next
     * on_up of this link; it goes on asking. Not called for LINK_REFUSED_ALIAS. May be NULL. */
    void (*on_refused)(void *context, struct link *link, struct span reason);
};

struct link_options {
    const char *role;  /* our own: edge, router, webhook-worker, control */
    const char *stack; /* STACK_NAME */
    const char *name;  /* our own id, ≤ WIRE_NAME_BYTES of printable ASCII without blanks */
    int64_t heartbeat_ms;
    int64_t peer_timeout_ms;
    int64_t resolve_interval_ms; /* connector only */
    size_t buffer_bytes;
    struct link_handlers handlers;
    void *context;
};

/* ---- binder ---- */

/* Binds a ROUTER at `endpoint` ("tcp://host:port"; port 0 = any free one) and, when
 * publish_endpoint is not NULL, an XPUB through which numbered packets to peers of role "edge" go
 * (topic: the peer's name and a NUL) as soon as the peer's subscription has been seen.
 * `accept_roles`: a comma list; others are REFUSED. The options' strings are copied.
 * Returns 0, or -errno of the bind (-EADDRINUSE, -EADDRNOTAVAIL, -ENODEV, -EINVAL, …). */
MUST_USE
int link_set_bind(struct loop *loop, const struct link_options *options, const char *endpoint,
                  const char *publish_endpoint, const char *accept_roles,
                  struct link_set **ret_set);

/* Where the ROUTER (and the XPUB; NULL when there is none) is bound, with the real port, as
 * "tcp://host:port". Valid while the set is. */
const char *link_set_endpoint(const struct link_set *set);
const char *link_set_publish_endpoint(const struct link_set *set);

/* ---- connector ---- */

/* Connects a DEALER to every address that `addresses` ("host:port,[::1]:port") resolve to, now and
 * again every resolve_interval_ms (in the background, never blocking the loop; numeric addresses
 * at once). DNS only adds: a target goes when it is absent from DNS and silent for peer_timeout, or
 * after BYE and absent. A peer that is reached by two addresses gets one link: the other address
 * waits as an alias. A WELCOME of another role than `expect_role` is no welcome (on_refused).
 * Returns 0 or -EINVAL (no address, or one that is not host:port). */
MUST_USE
int link_set_connect(struct loop *loop, const struct link_options *options, const char *addresses,
                     const char *expect_role, struct link_set **ret_set);

/* True when every address has been looked up, there is at least one target, and every target has
 * welcomed us. */
bool link_set_is_settled(const struct link_set *set);

/* ---- both ---- */

/* Sends what is gathered and BYE to all, waits until it is read (≤ 1 s, and only for peers that
 * live), frees everything. No callback is made. NULL is fine. */
void link_set_destroy(struct link_set **set);

/* Iteration: links that are up, in no particular order. NULL ends. Dropping links meanwhile is
 * allowed. */
struct link *link_set_first(const struct link_set *set);
struct link *link_set_next(const struct link_set *set, const struct link *link);

/* How many links are up. */
size_t link_set_up_count(const struct link_set *set);

/* For metrics. A session is told apart from malice only by counting: nothing here harms a peer. */
struct link_counters {
    uint64_t packets_sent, packets_received;
    uint64_t bytes_sent, bytes_received;
    uint64_t published;  /* of the packets sent, those that went by XPUB */
    uint64_t resends;    /* packets sent again */
    uint64_t resyncs;    /* sessions the other side, or we, did not know */
    uint64_t gaps;       /* RESENDs asked for */
    uint64_t duplicates; /* packets that had been received before */
    uint64_t malformed;  /* frames and packets that are not what they should be */
    uint64_t unknown;    /* messages with ids of a newer version */
    uint64_t newer;      /* packets of a newer version */
    uint64_t refused;    /* HELLOs refused (binder), REFUSEDs got (connector) */
    uint64_t overflows;  /* sessions ended because the peer did not receive */
    uint64_t messages_received[MESSAGE_COUNT]; /* by message_index() */
};
const struct link_counters *link_set_counters(const struct link_set *set);

/* Sets the metrics slip_link_…, by the role of the peers. `stranger` is the role that what belongs
 * to no session is counted for: of a connector the one it connects to, of a binder
 * LABEL_PEER_UNKNOWN. NULL is a set that is not there yet. */
void link_set_measure(const struct link_set *set, enum metric_label_peer stranger);

/* ---- one link ---- */

bool link_is_up(const struct link *link);

/* Why the last session ended; for on_down. */
enum link_end link_end(const struct link *link);

/* Who it is: as it said in the HELLO or WELCOME of the session; empty before the first. Valid
 * while the link is. */
struct span link_peer_name(const struct link *link);
struct span link_peer_role(const struct link *link);

/* For logs: the "ip:port" a connector connects to; the peer's name at a binder. */
const char *link_address(const struct link *link);

/* The program's own. NULL at first; the program frees it in on_down (and before
 * link_set_destroy). */
void link_set_data(struct link *link, void *data);
void *link_data(const struct link *link);

/* Milliseconds since anything was heard from the peer (or since the link exists). */
int64_t link_silent_ms(const struct link *link);

/* Nothing was heard for peer_timeout_ms: on_silent is called for this silence, or was. */
bool link_is_silent(const struct link *link);

/* Up, heard within `limit_ms` and nothing known to be missing: what the peer has said so far, we
 * know. */
bool link_is_current(const struct link *link, int64_t limit_ms);

/* Where messages are appended (wire_put_…); ask again for each message: a packet that has grown
 * beyond LINK_PACKET_BYTES is sent at once and the next begun. The rest leaves in one packet at the
 * end of the turn. What is appended while the link is not up goes nowhere. */
struct buffer *link_packet(struct link *link);

/* The number of the packet that carries what is appended next; compare with link_received(). */
uint64_t link_number(struct link *link);

/* The highest number the peer has received without a gap. */
uint64_t link_received(const struct link *link);

/* Bytes produced but not received; at or above buffer_bytes the program must stop producing. */
size_t link_buffered_bytes(const struct link *link);
bool link_is_full(const struct link *link);

/* Tell the peer at the end of this turn what we have received (else within ~20 ms). */
void link_acknowledge_now(struct link *link);

/* Ends the session from our side; on_down follows before this returns. A binder forgets the peer,
 * whose next packet is answered with RESYNC; a connector begins a new session. Harmless when the
 * link is not up. */
void link_drop(struct link *link);

#endif
