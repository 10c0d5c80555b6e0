/* permessage-deflate (RFC 7692): the offer and its answer, and the two directions of data.
 *
 * We always answer with both no_context_takeover flags. Every message is then a deflate stream of
 * its own: no connection holds zlib memory between messages (a sixth of a megabyte each
 * otherwise), and one compressed message serves all subscribers with the same window.
 *
 * An engine is the zlib state, one a process: an inflater, and a deflater for each window size
 * in use, reset before each message. Used by the one thread of the edge's loop. Negotiation needs
 * no engine.
 */
#ifndef SLIP_EDGE_PROTOCOL_DEFLATE_H
#define SLIP_EDGE_PROTOCOL_DEFLATE_H

#include "common/base/buffer.h"

enum {
    DEFLATE_WINDOW_BITS_MIN = 9, /* zlib cannot deflate raw with 8 */
    DEFLATE_WINDOW_BITS_MAX = 15,
    DEFLATE_WORTH_BYTES = 64, /* shorter messages are sent as they are */
};

/* What was agreed on. The client's window needs no agreement: our inflater takes the largest. */
struct deflate_parameters {
    uint8_t window_bits; /* ours, 9 … 15; 0: no deflate on this connection */
    bool answer_window;  /* the client demanded server_max_window_bits, so the answer names it */
};

/* Reads the value of one Sec-WebSocket-Extensions header: a list of offers, of which the first
 * acceptable permessage-deflate wins (RFC 7692 §5, §7.1). Declined are offers with an unknown or
 * repeated parameter, a value out of range, and server_max_window_bits=8.
 * 0: *ret_parameters is set; -ENOENT: well-formed, nothing acceptable in it;
 * -EBADMSG: not the syntax of RFC 6455 §9.1. */
MUST_USE
int deflate_negotiate(struct span offers, struct deflate_parameters *ret_parameters);

/* Appends the value of the header in the 101 response. */
void deflate_append_answer(struct buffer *out, const struct deflate_parameters *parameters);

struct deflate_engine;

/* Cheap: zlib's memory comes with the first message. */
MUST_USE
struct deflate_engine *deflate_engine_new(void);
void deflate_engine_destroy(struct deflate_engine **engine);

/* Compresses a message for all connections with these window bits, without the last four bytes
 * 00 00 ff ff (RFC 7692 §7.2.1). True: the payload was appended to `out`. False: not worth it (too
 * short, or not smaller), nothing was appended, send it plain. */
MUST_USE
bool deflate_compress(struct deflate_engine *engine, uint8_t window_bits, struct span message,
                      struct buffer *out);

/* Decompresses a whole message (RFC 7692 §7.2.2), never to more than `limit` bytes.
 * 0: *ret_message is it, in the engine's buffer, valid until the engine's next deflate_inflate();
 *    its owner may change the bytes.
 * -EMSGSIZE: it would be longer than `limit` (close 1009); -EBADMSG: not deflate (close 1007). */
MUST_USE
int deflate_inflate(struct deflate_engine *engine, struct span message, size_t limit,
                    struct span *ret_message);

#endif
