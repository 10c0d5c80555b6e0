/* An outbox: what waits to be written to one client's socket, in order.
 *
 *     first ─▶ [ frame | frame | frame ] ─▶ one sendmsg
 *                 └ `sent` bytes of it are gone already
 *
 * Zero-initialised is empty. Two places are inside the structure, so that the usual case, a frame
 * or two a turn, allocates nothing; what more is allocated goes when the outbox is empty. Holds a
 * reference to each frame. The bound on its weight is its owner's business. One thread.
 */
#ifndef SLIP_EDGE_OUTBOX_H
#define SLIP_EDGE_OUTBOX_H

#include "edge/shared_frame.h"

enum {
    OUTBOX_PLACES = 2,
    OUTBOX_PONGS = 16, /* that wait behind the first frame */
};

struct outbox {
    struct shared_frame **more; /* a ring of `capacity` places, or NULL: `few` is the ring */
    struct shared_frame *few[OUTBOX_PLACES];
    size_t bytes;      /* not written yet */
    uint32_t capacity; /* of `more` */
    uint32_t head;
    uint32_t count;
    uint32_t sent; /* bytes of the first frame that are written */
};

void outbox_fini(struct outbox *outbox);

static inline bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->count == 0;
}

/* What it holds: the bytes not written yet, and the places of its frames. */
static inline size_t outbox_weight(const struct outbox *outbox)
{
    return outbox->bytes + outbox->count * sizeof(struct shared_frame *);
}

/* Memory of the rings of all outboxes; that of the frames is shared_frames_bytes(). */
size_t outbox_rings_bytes(void);

/* Adds a reference to `frame` at the end. */
void outbox_push(struct outbox *outbox, struct shared_frame *frame);

/* Adds a reference to a pong, which overtakes what waits (RFC 6455 §5.5.2: as soon as is
 * practical): it goes behind the first frame, which may be half written, and the pongs that wait
 * there. Of more than OUTBOX_PONGS only the latest is kept (§5.5.3). True: there is one pong more.
 */
MUST_USE
bool outbox_push_pong(struct outbox *outbox, struct shared_frame *pong);

/* Drops all frames of which nothing is written yet: what follows must begin a new frame. */
void outbox_drop_unsent(struct outbox *outbox);

/* Gives everything to `to`, which is empty (asserted); `from` is empty after. */
void outbox_move(struct outbox *to, struct outbox *from);

/* Writes as much as the socket takes, several frames in one call.
 * 0: all is written; -EAGAIN: the rest waits for EPOLLOUT; another -errno: the socket is broken.
 * *ret_written is set in every case. */
MUST_USE
int outbox_write(struct outbox *outbox, int fd, size_t *ret_written);

#endif
