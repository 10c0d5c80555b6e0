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
    bool is_connected;
    struct buffer answer;
};

/* Connects with the first request. */
void publisher_init(struct publisher *publisher, const struct options *options,
                    void (*on_answered)(struct publisher *publisher));

/* What is published: the channel "cN" and a text. */
struct publication {
    uint32_t channel;
    struct span text;
};

/* Publishes all of them in one request; on_answered follows with a 2xx, everything else ends the
 * benchmark. The form "raw" has room for one. */
void publisher_post(struct publisher *publisher, const struct publication *publications,
                    size_t count);

#endif
