/* The messages that processes say to each other, as C structures: made from messages.def, the one
 * table, and from nothing else.
 *
 *     struct record_event                  a part of messages
 *     struct record_event_list             { items, count }: how a message holds several
 *     struct message_batch                 a message
 *     MESSAGE_BATCH                        its id on the wire
 *     void wire_put_batch(buffer, batch)   appends it, encoded, to a packet
 *
 * Decoding trusts nothing: every number, length and count is checked against the bound in the
 * table before it is believed, and a frame can make the decoder use only a fixed multiple of its
 * own size. After wire_decode_next() the type proves it; nobody checks again.
 *
 * Pure functions, no I/O. A decoder is used by one thread at a time.
 */
#ifndef SLIP_WIRE_WIRE_H
#define SLIP_WIRE_WIRE_H

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/wire/outcome.h"

/* ---- structures ---- */

#define WIRE_TYPE_U64(name)                             uint64_t name;
#define WIRE_TYPE_BYTES(name)                           struct span name;
#define WIRE_DECLARE_FIELD(type, name, bound, meaning)  WIRE_TYPE_##type(name)
#define WIRE_DECLARE_LIST(record, name, bound, meaning) struct record_##record##_list name;

#define RECORD(name, fields)                          \
    struct record_##name {                            \
        fields(WIRE_DECLARE_FIELD, WIRE_DECLARE_LIST) \
    };                                                \
    struct record_##name##_list {                     \
        const struct record_##name *items;            \
        size_t count;                                 \
    };
#define MESSAGE(id, NAME, name, fields, purpose)      \
    struct message_##name {                           \
        fields(WIRE_DECLARE_FIELD, WIRE_DECLARE_LIST) \
    };
#include "common/wire/messages.def"

/* What the wire says. */
enum message_id {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) MESSAGE_##NAME = (id),
#include "common/wire/messages.def"
};

/* Without holes, for counters: 0 … MESSAGE_COUNT-1. */
enum message_index {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) MESSAGE_INDEX_##NAME,
#include "common/wire/messages.def"
    MESSAGE_COUNT
};

/* One more than the largest id: the length of a dispatch table,
 *     static void (*const handlers[MESSAGE_ID_LIMIT])(…) = {[MESSAGE_ACK] = on_ack, …}; */
union message_id_sizes {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) char name[(id) + 1];
#include "common/wire/messages.def"
};
#define MESSAGE_ID_LIMIT sizeof(union message_id_sizes)

struct wire_message {
    enum message_id id;
    union {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) struct message_##name name;
#include "common/wire/messages.def"
    } as;
};

/* "BATCH"; "UNKNOWN" for a number that is no id. Static. */
const char *message_name(enum message_id id);

/* The dense index of an id; the id must be one of the enum's (asserted). */
enum message_index message_index(enum message_id id);

/* The id at a dense index < MESSAGE_COUNT. */
enum message_id message_at(enum message_index index);

/* ---- encoding ---- */

/* wire_put_NAME(buffer, message): appends one message. Bounds are the caller's duty: a message
 * that breaks them is refused by the receiver. */
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    void wire_put_##name(struct buffer *buffer, const struct message_##name *message);
#include "common/wire/messages.def"

/* The same for a message of any kind. */
void wire_put_message(struct buffer *buffer, const struct wire_message *message);

/* ---- decoding ---- */

enum {
    WIRE_AMPLIFICATION = 16, /* arrays decoded from a frame take at most this × its length … */
    WIRE_ARENA_BASE_BYTES = 4096, /* … and this */
};

/* Holds the arrays that messages point to. */
struct wire_decoder {
    struct wire_arena_chunk *chunks; /* the newest first */
    size_t used_bytes;               /* since the last reset */
    size_t budget_bytes;             /* 0: set by the next wire_decode_next */
};

void wire_decoder_init(struct wire_decoder *decoder);
void wire_decoder_fini(struct wire_decoder *decoder);

/* Before each frame: the arrays of earlier messages are void, the memory is kept up to a bound. */
void wire_decoder_reset(struct wire_decoder *decoder);

/* Takes the first message off `rest`. Its spans point into the frame, its arrays into the decoder.
 * Fields that an older sender did not write are zero, those that a newer one added are ignored.
 *   0         *ret_message is filled, `rest` is after it
 *   -ENOTSUP  an id that this version does not know; `rest` is after it, go on
 *   -EBADMSG  truncated, not the table's types or above its bounds; nothing in `rest` can be
 *             trusted any more
 * Ask only while rest->length > 0 (an empty rest is -EBADMSG). */
MUST_USE
int wire_decode_next(struct wire_decoder *decoder, struct span *rest,
                     struct wire_message *ret_message);

/* ---- packets ---- */

enum { WIRE_VERSION = 1 };

/* What stands before the messages of a packet (link.h). */
struct packet_header {
    uint64_t version;
    uint64_t from;     /* session of the sender */
    uint64_t to;       /* session of the receiver; 0 while unknown (HELLO) */
    uint64_t number;   /* 1, 2, …; 0 = unnumbered: not kept, not repeated */
    uint64_t sent;     /* highest number the sender has used */
    uint64_t received; /* highest number the sender has received without a gap */
};

void packet_header_put(struct buffer *buffer, const struct packet_header *header);

/* Takes the header off `rest`: 0, -EBADMSG, or -ENOTSUP (a version we do not speak; only
 * ret_header->version is filled). */
MUST_USE
int packet_header_take(struct span *rest, struct packet_header *ret_header);

/* ---- documentation ---- */

/* Writes docs/protocol.md. */
void wire_write_docs(FILE *file);

#endif
