/* Receipts: the numbers of commands that are applied, which a control sends again until it has
 * them.
 *
 *     applied 7, 8, 9, 12 ─▶ receipt list of the control: 7–9, 12 ─ end of the turn ─▶ RECEIPT
 *
 * Without a session there is nobody to tell: the control asks again when it is back, and a repeated
 * command is receipted again.
 */
#ifndef SLIP_EDGE_RECEIPTS_H
#define SLIP_EDGE_RECEIPTS_H

#include "common/base/list.h"
#include "common/process/loop.h"

struct control;
struct record_range;

/* Per control: those of this turn. */
struct receipt_list {
    struct list of_due; /* in receipts->due, while there are any */
    struct record_range *ranges;
    size_t count, capacity;
};

/* Per edge. */
struct receipts {
    struct loop *loop;
    struct list due;
    struct loop_deferred send;
};

void receipts_init(struct receipts *receipts, struct loop *loop);
void receipts_fini(struct receipts *receipts);

/* The command with this number is applied; leaves with the other receipts of this turn. */
void receipts_add(struct receipts *receipts, struct control *control, uint64_t number);

void receipt_list_init(struct receipt_list *list);
void receipt_list_fini(struct receipt_list *list);

/* The session is over: those that have not left never will. */
void receipt_list_clear(struct receipt_list *list);

#endif
