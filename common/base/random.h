/* Numbers that nobody can guess, and the identifiers made of them. */
#ifndef SLIP_BASE_RANDOM_H
#define SLIP_BASE_RANDOM_H

#include "common/base/span.h"

/* Fills `data` from the kernel (getrandom); aborts if the kernel has none. */
void random_bytes(void *data, size_t length);

/* Uniform in 0 … bound-1. Not secret: for jitter and choices, seeded once per process. */
uint64_t random_below(uint64_t bound);

/* Any 64-bit number but 0: a session or an incarnation. */
uint64_t random_nonzero_u64(void);

/* Writes `length` characters of the URL-safe alphabet (A-Z a-z 0-9 - _), six unguessable bits
 * each, without a final NUL. */
void random_text(char *ret_text, size_t length);

#endif
