/* A sealed batch: events of one connection that go to the backend in one request, or, in a group,
 * in one item of it. It never changes: every attempt, every redelivery and the dead letter say the
 * same under the same key.
 *
 * Owned by its connection, from its arrival until it is acknowledged; one block of memory.
 */
#ifndef SLIP_ROUTER_BATCH_H
#define SLIP_ROUTER_BATCH_H

#include "common/base/list.h"
#include "common/wire/wire.h"

/* The number of a CLOSE that the router writes for an edge that is gone: it need not know how many
 * events there were, and whoever writes it again after a crash writes the same. */
#define BATCH_SEQUENCE_CLOSE ((uint64_t)INT64_MAX)

struct batch {
    struct list link;
    uint64_t first, last; /* sequence numbers */
    uint64_t attempts;    /* made and counted */
    int64_t deadline_ms;  /* OPEN whose client waits: when it is told 504 (loop time); else 0 */
    bool is_open, is_close;
    bool was_sent;        /* given to a worker at least once */
    bool may_be_accepted; /* OPEN: an attempt ended in a way that the backend may have said yes */
    size_t bytes;
    struct record_event_list events; /* in this block */
};

/* A copy of what an edge sent; -EBADMSG when it is not one batch (no event, OPEN or CLOSE not
 * alone, numbers that do not fit the count). */
MUST_USE
int batch_copy(const struct message_batch *message, int64_t now_ms, struct batch **ret_batch);

/* The CLOSE of a connection whose edge is gone. Never NULL. */
MUST_USE
struct batch *batch_new_close(uint64_t code, struct span reason);

void batch_destroy(struct batch **batch);

/* An OPEN that an earlier router may have delivered: its end is never certain. */
void batch_is_repeated(struct batch *batch);

/* An OPEN whose client does not wait any more: it was accepted (the end of the attempt got lost on
 * its way), or it gave up. It is delivered as any batch is. */
void batch_stop_waiting(struct batch *batch);

/* The client of this OPEN waits for its end. */
static inline bool batch_is_waited_for(const struct batch *batch)
{
    return batch->is_open && batch->deadline_ms > 0;
}

/* Milliseconds until the deadline, at least 0; 0 without one. */
uint64_t batch_remaining_ms(const struct batch *batch, int64_t now_ms);

#endif
