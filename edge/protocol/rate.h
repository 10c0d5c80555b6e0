/* A rate: so many a second, and at once as many as a second brings (a token bucket).
 *
 *     one second's worth ┬ ▒▒▒▒▒▒▒▒       refilled continuously, never above the brim
 *                        │ ▒▒▒▒▒▒▒▒
 *                        └ each rate_take() takes one; empty: not now
 *
 * Reads no clock: whoever asks says what time it is, in milliseconds of a clock that never goes
 * back. A value; any thread.
 */
#ifndef SLIP_EDGE_PROTOCOL_RATE_H
#define SLIP_EDGE_PROTOCOL_RATE_H

#include "common/base/base.h"

struct rate {
    int64_t per_second;  /* 0: no limit */
    int64_t thousandths; /* of one, in the bucket */
    int64_t filled_ms;
};

/* Full. At most a million per second. */
void rate_init(struct rate *rate, int64_t per_second, int64_t now_ms);

/* True: one is taken. False: too fast. */
MUST_USE
bool rate_take(struct rate *rate, int64_t now_ms);

#endif
