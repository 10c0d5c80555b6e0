/* One direction of a link as pure bookkeeping: what was sent, what has arrived, what is missing.
 * No I/O, no clock of its own; a link owns one sender and one receiver for each session.
 *
 *     sender     received │ first … kept, not yet received … │ next
 *                                       ▲ cursor: the next to hand to the socket; a RESEND or a
 *                                         lost path moves it back
 *     receiver   delivered │ next │ … gap … │ peer_sent
 *
 * The receiver keeps nothing that is out of order: after a gap everything from the first missing
 * packet on is sent again. Resets are rare, and a socket does not reorder.
 */
#ifndef SLIP_WIRE_STREAM_H
#define SLIP_WIRE_STREAM_H

#include "common/base/span.h"

/* ---- sender ---- */

struct stream_packet {
    char *data;
    size_t length;
};

struct stream_sender {
    struct stream_packet *ring; /* of `capacity` (a power of two) packets, by number */
    size_t capacity;
    uint64_t first;  /* the lowest number kept; all below were received */
    uint64_t cursor; /* the next to be sent */
    uint64_t next;   /* the number the next packet will get */
    uint64_t sent;   /* the highest number ever sent */
    size_t bytes;    /* of all that is kept */
};

enum { STREAM_PACKET_OVERHEAD_BYTES = 64 }; /* what a kept packet costs besides its data */

void stream_sender_init(struct stream_sender *sender);
void stream_sender_fini(struct stream_sender *sender);

/* Keeps a copy of the packet until it is received; returns its number. */
uint64_t stream_sender_push(struct stream_sender *sender, struct span packet);

/* How many packets are kept. */
size_t stream_sender_count(const struct stream_sender *sender);

/* The highest number that the peer has received without a gap. */
uint64_t stream_sender_received(const struct stream_sender *sender);

/* The packet at the cursor, to be sent now, with its number; NULL when all was sent. */
const struct stream_packet *stream_sender_peek(const struct stream_sender *sender,
                                               uint64_t *ret_number);

/* The packet at the cursor was handed to the socket. True when it had been sent before. */
bool stream_sender_advance(struct stream_sender *sender);

/* The peer has received everything up to `number`: releases it. Returns 1 when that is news, 0
 * when it is not, -EPROTO when it was never sent. */
MUST_USE
int stream_sender_acknowledge(struct stream_sender *sender, uint64_t number);

/* Send again from `number` on (or from the first one kept). Returns 0, or -EPROTO when `number` is
 * beyond the next to be sent. */
MUST_USE
int stream_sender_rewind(struct stream_sender *sender, uint64_t number);

/* ---- receiver ---- */

struct stream_receiver {
    uint64_t next;            /* the first number not delivered */
    uint64_t peer_sent;       /* the highest number known to have been sent */
    bool gap_seen;            /* a later packet has arrived since the last delivery */
    int64_t missing_since_ms; /* while next ≤ peer_sent: since the last delivery or the news */
    uint64_t asked_number;    /* the last RESEND asked for this … */
    int64_t asked_ms;         /* … at this time … */
    int64_t asked_wait_ms;    /* … and is not repeated before this has passed */
    size_t owed_packets;      /* arrived since we last said what we have received */
    size_t owed_bytes;
};

enum stream_arrival {
    STREAM_DELIVER,   /* the next one: use it */
    STREAM_DUPLICATE, /* was delivered before */
    STREAM_GAP,       /* one before it is missing: drop it */
};

void stream_receiver_init(struct stream_receiver *receiver);

/* The peer says that it has sent up to `sent`. */
void stream_receiver_note_sent(struct stream_receiver *receiver, uint64_t sent, int64_t now_ms);

/* A packet has arrived. STREAM_DELIVER moves on to the next. */
enum stream_arrival stream_receiver_take(struct stream_receiver *receiver, uint64_t number,
                                         size_t length, int64_t now_ms);

/* Something known to have been sent has not arrived. */
bool stream_receiver_is_missing(const struct stream_receiver *receiver);

/* Is it time to ask for a RESEND from receiver->next? At once after a gap; after `patience_ms`
 * without progress for a tail, which may be under way by another socket. Asking twice for the same
 * waits twice as long each time, so that a slow peer is not buried in copies. True = it was asked.
 */
MUST_USE
bool stream_receiver_asks(struct stream_receiver *receiver, int64_t patience_ms, int64_t now_ms);

/* What has been received was told to the peer. */
void stream_receiver_told(struct stream_receiver *receiver);

#endif
