/* SipHash-1-3 (Aumasson, Bernstein 2012): a keyed hash for tables that strangers fill, and, with a
 * fixed key, a stable hash that different processes agree on. */
#ifndef SLIP_BASE_SIPHASH_H
#define SLIP_BASE_SIPHASH_H

#include "common/base/span.h"

uint64_t siphash13(struct span input, uint64_t key0, uint64_t key1);

/* The weight of `candidate` for `subject` in rendezvous hashing: every process computes the same
 * number, and the candidate with the highest one is chosen. */
uint64_t rendezvous_weight(struct span subject, uint64_t candidate);

#endif
