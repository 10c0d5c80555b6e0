/* All clients of a run: opened with so many handshakes under way, then left to the mode.
 *
 * One per process. Clients live until the process ends.
 */
#ifndef SLIP_BENCH_CROWD_H
#define SLIP_BENCH_CROWD_H

#include "tests/bench/client.h"
#include "tests/bench/histogram.h"
#include "tests/bench/options.h"

struct crowd {
    struct client *clients;
    uint32_t count;
    uint32_t begun;
    uint32_t open;    /* now */
    uint32_t refused; /* answered something else than 101, or nothing */
    uint32_t lost;    /* once open */
    bool is_tolerant;
    uint32_t channels;
    struct sockaddr_in address;
    const struct options *options;
    struct histogram handshakes; /* nanoseconds */
    void (*on_message)(struct client *client, struct span data);
    void (*on_lost)(struct client *client); /* may be NULL */
};

extern struct crowd crowd;

/* Takes count, path and the rest from the options. Opens nothing yet. */
void crowd_init(const struct options *options,
                void (*on_message)(struct client *client, struct span data));

/* Opens all; returns when each is open or refused. A refusal ends the benchmark unless tolerated.
 */
void crowd_open(void);

/* How many turned out well or badly; changes as long as something happens. */
uint64_t crowd_progress(void);

/* Turns the poller until `step`, which does before each turn what is to be done next, says that it
 * is finished. When `crowd_progress` and `*activity` have not changed for options.patience, ends
 * the benchmark, or returns false when that is tolerated. */
bool crowd_run_until(bool (*step)(void), const uint64_t *activity);

/* Turns the poller for so long. */
void crowd_run_for(double seconds);

/* "127.0.0.1:80", or ends the benchmark. */
struct sockaddr_in crowd_address(const char *text);

/* The path with '%' replaced. */
void crowd_append_numbered(struct buffer *buffer, const char *pattern, uint32_t number);

#endif
