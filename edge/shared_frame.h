/* A shared frame: bytes for clients, built once and sent to any number of them.
 *
 * Counted references: whoever makes one holds the first, each queue it waits in (outbox.h) holds
 * one more, and the memory goes with the last. Never changed after it was made. One thread.
 */
#ifndef SLIP_EDGE_SHARED_FRAME_H
#define SLIP_EDGE_SHARED_FRAME_H

#include "common/base/span.h"
#include "edge/protocol/frame.h"

struct shared_frame {
    uint32_t references;
    uint32_t length;
    char bytes[];
};

/* A WebSocket frame (RFC 6455 §5.2) around a copy of `payload`, whose length is bounded by the
 * caller (less than 4 G). The caller holds its one reference. */
MUST_USE
struct shared_frame *shared_frame_new(enum frame_opcode opcode, bool compressed,
                                      struct span payload);

/* A close frame (frame_append_close). */
MUST_USE
struct shared_frame *shared_frame_new_close(uint16_t code, struct span reason);

/* Bytes as they are: an HTTP response. */
MUST_USE
struct shared_frame *shared_frame_new_raw(struct span bytes);

/* Memory of all frames there are, however many hold each. */
size_t shared_frames_bytes(void);

/* One more holder; returns the frame. */
struct shared_frame *shared_frame_ref(struct shared_frame *frame);

/* One holder less; sets *frame to NULL. Accepts NULL inside. */
void shared_frame_unref(struct shared_frame **frame);

#endif
