/* The events of a dead letter, read back from its row: the inverse of what dead_letter.c wrote, so
 * that a replay says the same as the attempts before. Pure. */
#ifndef SLIP_ROUTER_LETTER_H
#define SLIP_ROUTER_LETTER_H

#include "router/batch.h"

/* `events`: the array as it stood in the request's body; `first` and `last` are its sequence
 * numbers. 0; -EBADMSG when that is not a batch that can have become a dead letter (no JSON, a
 * member missing, an OPEN, numbers that do not fit the count). */
MUST_USE
int letter_read(struct span events, uint64_t first, uint64_t last, struct batch **ret_batch);

#endif
