/* A link: the conversation between two processes, as one reliable stream in each direction.
 *
 *     connector (edge, worker)                         binder (router, control)
 *     DEALER, one per resolved address   ── HELLO ──▶  ROUTER, one for all its peers
 *                                        ◀─ WELCOME ─  (control → edge also PUB → SUB)
 *
 * ZeroMQ reconnects by itself and loses what was in the pipe while every send succeeded. So a
 * packet carries its session (a number drawn by each side), its own number, the highest number
 * sent and the highest received without a gap:
 *
 *     [version, from, to, number, sent, received] message message …
 *
 * The sender keeps a packet until the peer has received it, within LINK_BUFFER_BYTES. The receiver
 * delivers packets in order, once; on a gap, or when a heartbeat shows a tail that does not come,
 * it asks for a RESEND. When either side has forgotten the session (it restarted), RESYNC ends it:
 * the connector begins again with a new one, and the programs say again what the peer must know.
 * RECEIVED is transport only; that something has been *done* is another message's business.
 *
 * What a turn of the loop produced for a peer leaves as one packet at the end of the turn.
 * One thread; all callbacks run on the loop.
 */
#ifndef SLIP_WIRE_LINK_H
#define SLIP_WIRE_LINK_H

#include "common/base/buffer.h"
#include "common/process/loop.h"
#include "common/wire/wire.h"

struct link;     /* one peer, connected or trying to be */
struct link_set; /* all links of a process of one kind: a binder's peers, or a connector's targets */

struct link_handlers {
    /* A session has begun: say what the peer must know. `name`, `role`: valid while the link is. */
    void (*on_up)(void *context, struct link *link);
    /* The session is over (RESYNC, BYE, overflow, forgotten); what had been sent may not have arrived. A binder's
     * link is freed after this call; a connector's goes on greeting. */
    void (*on_down)(void *context, struct link *link);
    /* One decoded message; its spans are valid during the call. */
    void (*on_message)(void *context, struct link *link, const struct wire_message *message);
    /* The peer has received all packets up to link_received(link). May be NULL. */
    void (*on_received)(void *context, struct link *link);
};

struct link_options {
    const char *role;  /* our own: edge, router, webhook-worker, control */
    const char *stack; /* STACK_NAME */
    const char *name;  /* our own id, ≤ WIRE_NAME_BYTES; an edge's is its edge id (and its topic) */
    int64_t heartbeat_ms;
    int64_t peer_timeout_ms;
    int64_t resolve_interval_ms; /* connector only */
    size_t buffer_bytes;
    struct link_handlers handlers;
    void *context;
};

/* ---- binder ---- */

/* Binds a ROUTER at `endpoint` ("tcp://host:port") and, when publish_endpoint is not NULL, an XPUB
 * through which numbered packets to peers of role "edge" go (topic: the peer's name). `accept_roles`: a comma list;
 * others are REFUSED. Returns 0, or -errno of the bind (-EADDRINUSE, -EINVAL, …). */
MUST_USE int link_set_bind(struct loop *loop, const struct link_options *options,
                           const char *endpoint, const char *publish_endpoint,
                           const char *accept_roles, struct link_set **ret_set);

/* ---- connector ---- */

/* Connects a DEALER to every address that `addresses` ("host:port,host:port") resolve to, now and
 * again every resolve_interval_ms (in the background, never blocking the loop). DNS only adds: a target
 * goes when it is absent from DNS and silent for peer_timeout, or after BYE and absent. `expect_role`: a WELCOME of another role
 * ends in an error log by the program (on_refused may be added). */
MUST_USE int link_set_connect(struct loop *loop, const struct link_options *options,
                              const char *addresses, const char *expect_role,
                              struct link_set **ret_set);

/* True when every resolved target has welcomed us (and there is at least one). */
bool link_set_is_settled(const struct link_set *set);

/* Sends BYE to all, gives ZeroMQ a bounded linger, frees everything. No callback is made. */
void link_set_destroy(struct link_set **set);

/* Iteration: links that are up, in no particular order. NULL ends. */
struct link *link_set_first(const struct link_set *set);
struct link *link_set_next(const struct link_set *set, const struct link *link);

/* ---- one link ---- */

bool link_is_up(const struct link *link);
struct span link_peer_name(const struct link *link);
struct span link_peer_role(const struct link *link);
void link_set_data(struct link *link, void *data); /* the program's own */
void *link_data(const struct link *link);

/* Milliseconds since anything was heard from the peer. */
int64_t link_silent_ms(const struct link *link);

/* Heard within `limit_ms` and nothing known to be missing: what the peer has said so far, we know. */
bool link_is_current(const struct link *link, int64_t limit_ms);

/* Where messages are appended (wire_put_…); they leave in one packet at the end of the turn. Only
 * while the link is up. */
struct buffer *link_packet(struct link *link);

/* Call after appending when much was appended in one turn: splits packets at ~256 kB. (link_packet does so by itself.) */

/* The number of the packet that carries what is appended now; compare with link_received(). */
uint64_t link_number(struct link *link);

/* The highest number the peer has received without a gap. */
uint64_t link_received(const struct link *link);

/* Bytes sent but not received; at or above the limit the program must stop producing. */
size_t link_buffered_bytes(const struct link *link);
bool link_is_full(const struct link *link);

/* Tell the peer at the end of this turn what we have received (else within ~20 ms). */
void link_acknowledge_now(struct link *link);

/* Ends the session from our side; on_down follows before this returns. A binder forgets the peer,
 * whose next packet is answered with RESYNC. */
void link_drop(struct link *link);

#endif
