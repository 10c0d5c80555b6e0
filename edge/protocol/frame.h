/* Frames: RFC 6455 §5 as a server reads and writes them.
 *
 * The decoder belongs to one connection and is fed with whatever a read() brought, in any chunks:
 *
 *     shared read buffer: [ frame | frame | fra ]
 *                            │       │      └▶ kept in the decoder (allocated while needed)
 *                            └───────┴▶ unmasked in place, delivered without a copy
 *
 * An idle connection holds no buffer: the decoder is three words, and what is incomplete (a header,
 * a message in fragments) lives in one allocation that goes when it is complete. All rules are
 * checked as early as the bytes allow: a frame too big by its header, bad UTF-8 with the byte that
 * is wrong. After an error or a close frame the decoder swallows everything else (RFC 6455 §5.5.1).
 *
 * Used by the one thread of the edge's loop (the engine of the rules is shared).
 */
#ifndef SLIP_EDGE_PROTOCOL_FRAME_H
#define SLIP_EDGE_PROTOCOL_FRAME_H

#include "edge/protocol/deflate.h"

enum {
    FRAME_HEADER_MAX = 10,   /* of a server's frame: it is not masked */
    FRAME_CONTROL_MAX = 125, /* payload of a control frame (RFC 6455 §5.5) */
    FRAME_REASON_MAX = 123,  /* of a close frame, after its code */
    FRAME_NO_CODE = 1005,    /* a close frame without a code (RFC 6455 §7.1.5) */
};

enum frame_opcode {
    FRAME_OPCODE_CONTINUATION = 0x0,
    FRAME_OPCODE_TEXT = 0x1,
    FRAME_OPCODE_BINARY = 0x2,
    FRAME_OPCODE_CLOSE = 0x8,
    FRAME_OPCODE_PING = 0x9,
    FRAME_OPCODE_PONG = 0xa,
};

/* What all connections of an edge share; outlives their decoders. */
struct frame_rules {
    size_t message_limit;          /* bytes of a message, after decompression */
    struct deflate_engine *engine; /* needed when a decoder is initialised with deflate */
};

enum frame_event_type {
    FRAME_TEXT,   /* data: a whole message, valid UTF-8 */
    FRAME_BINARY, /* data: a whole message */
    FRAME_PING,   /* data: what the pong must carry */
    FRAME_PONG,   /* data: its payload */
    FRAME_CLOSE,  /* code: the client's, or FRAME_NO_CODE; data: its reason, valid UTF-8 */
    FRAME_ERROR,  /* code: 1002, 1007 or 1009 to close with; data: why, static text */
};

struct frame_event {
    enum frame_event_type type;
    uint16_t code;
    struct span data; /* valid until the next call with this decoder, or with another one of the
                         same engine, and as long as the input's bytes are */
};

/* Bytes that a read() brought; the decoder changes them and moves on past what it used. */
struct frame_input {
    char *data;
    size_t length;
};

struct frame_partial;

struct frame_decoder {
    const struct frame_rules *rules;
    struct frame_partial *partial; /* what is incomplete, or NULL */
    bool deflate;                  /* negotiated: RSV1 marks a compressed message */
    bool finished;                 /* close frame or error seen */
};

void frame_decoder_init(struct frame_decoder *decoder, const struct frame_rules *rules,
                        bool deflate);
void frame_decoder_fini(struct frame_decoder *decoder);

/* Takes the next event out of the input. The caller may stop before it returns -EAGAIN, keeps
 * input->data … input->length and goes on later.
 * 0: *ret_event; -EAGAIN: the input is used up. */
MUST_USE
int frame_decode(struct frame_decoder *decoder, struct frame_input *input,
                 struct frame_event *ret_event);

/* The caller is done with the last event: gives up its memory. (frame_decode() begins with it.) */
void frame_decoder_release(struct frame_decoder *decoder);

/* Is a message or frame under way? (A hang-up now cuts it.) */
bool frame_decoder_is_partial(const struct frame_decoder *decoder);

/* Bytes of memory that the decoder holds beyond itself. */
size_t frame_decoder_held_bytes(const struct frame_decoder *decoder);

/* XORs `data` with the mask (RFC 6455 §5.3); `offset` is where in the payload `data` begins. */
void frame_unmask(char *data, size_t length, const uint8_t mask[4], size_t offset);

/* Writes the header of an unfragmented, unmasked frame; returns its length, 2, 4 or 10.
 * `compressed` sets RSV1. */
size_t frame_write_header(char ret_header[FRAME_HEADER_MAX], enum frame_opcode opcode,
                          bool compressed, uint64_t payload_length);

/* Appends a whole frame. The payload of a control frame is at most FRAME_CONTROL_MAX (asserted). */
void frame_append(struct buffer *out, enum frame_opcode opcode, bool compressed,
                  struct span payload);

/* Appends a close frame. A code that may not be sent (FRAME_NO_CODE for instance) gives an empty
 * payload; a reason longer than FRAME_REASON_MAX is cut between two characters. */
void frame_append_close(struct buffer *out, uint16_t code, struct span reason);

#endif
