/* One publisher: an HTTP connection that is kept alive, with one request under way at a time.
 * Several publishes outstanding are several publishers.
 */
#ifndef SLIP_BENCH_PUBLISHER_H
#define SLIP_BENCH_PUBLISHER_H

#include "common/base/buffer.h"
#include "tests/bench/options.h"
#include "tests/bench/poller.h"

struct publisher {
    struct poller_source source;
    const struct options *options;
    void (*on_answered)(struct publisher *publisher);
    bool is_waiting;
    struct buffer answer;
};

/* Connects, or ends the benchmark. */
void publisher_open(struct publisher *publisher, const struct options *options,
                    void (*on_answered)(struct publisher *publisher));

/* Publishes `text` to the channel "cN"; on_answered follows with a 2xx, everything else ends the
 * benchmark. */
void publisher_post(struct publisher *publisher, uint32_t channel, struct span text);

#endif
