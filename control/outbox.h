/* The outbox of one edge: the numbered commands sent to it, or waiting to be sent, that it has not
 * said to be applied.
 *
 *     numbers   first ……………… unsent ……………… next
 *               │ ✓ │   │ ✓ │   │      │      │
 *               └─ sent, some receipted ┴ parked: the link is down or full
 *
 * Numbers grow by one. When the edge's session begins anew, all that is kept goes again
 * under its old numbers; the edge knows by them what it has applied. Receipts come in any order.
 *
 * Pure: sending is the owner's (edge.h). `parcel` is only kept and given back.
 */
#ifndef SLIP_CONTROL_OUTBOX_H
#define SLIP_CONTROL_OUTBOX_H

#include "common/base/base.h"

struct parcel;

struct outbox_entry {
    struct parcel *parcel; /* NULL: receipted */
    size_t index;          /* of the command in its parcel */
};

struct outbox {
    struct outbox_entry *ring; /* the entry of number n is at n & (capacity - 1) */
    size_t capacity;           /* 0 or a power of two */
    uint64_t first;
    uint64_t unsent;
    uint64_t next;
    size_t waiting; /* entries that are not receipted */
};

/* Numbers begin at `first` (≥ 1). */
void outbox_init(struct outbox *outbox, uint64_t first);
/* Forgets what is in it. */
void outbox_fini(struct outbox *outbox);

/* Adds a command at the end, unsent, and returns its number. */
uint64_t outbox_append(struct outbox *outbox, struct parcel *parcel, size_t index);

/* Takes the next command to send: true with its number and entry, or false: all are sent. */
MUST_USE
bool outbox_take_unsent(struct outbox *outbox, uint64_t *ret_number,
                        struct outbox_entry *ret_entry);

/* A new session: what is kept is unsent again. */
void outbox_rewind(struct outbox *outbox);

/* The edge has applied a number. true with the entry, which leaves the outbox; false when the
 * number was receipted before or never given out. */
MUST_USE
bool outbox_receipt(struct outbox *outbox, uint64_t number, struct outbox_entry *ret_entry);

/* Commands that wait to be sent. */
static inline size_t outbox_parked(const struct outbox *outbox)
{
    return (size_t)(outbox->next - outbox->unsent);
}

#endif
