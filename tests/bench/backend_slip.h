/* Answers a request of the SLIP contract, in the single form or the form of a group. */
#ifndef SLIP_BENCH_BACKEND_SLIP_H
#define SLIP_BENCH_BACKEND_SLIP_H

#include "common/base/buffer.h"

/* Ends the benchmark when the request is not as the contract says. */
void backend_slip_answer(struct span body, struct buffer *answer);

#endif
