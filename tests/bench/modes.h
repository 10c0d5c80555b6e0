/* The ways to load a broker; each opens its clients, measures, and prints one report. */
#ifndef SLIP_BENCH_MODES_H
#define SLIP_BENCH_MODES_H

#include "tests/bench/options.h"
#include "tests/bench/processes.h"

/* Each client sends a message, waits for its echo, and sends the next. */
void mode_echo(const struct options *options, struct processes *processes);

/* All clients send at the same moment; when all echoes are back, again. */
void mode_burst(const struct options *options, struct processes *processes);

/* Messages leave at a fixed rate whatever comes back; a delay counts from when each should have
 * left (no coordinated omission). */
void mode_rate(const struct options *options, struct processes *processes);

/* Publishes reach all members of a channel; a publisher goes on when all have it. */
void mode_fanout(const struct options *options, struct processes *processes);

/* Handshakes, so many under way at once. */
void mode_connects(const struct options *options, struct processes *processes);

/* Memory of open connections that are silent, and the CPU time of pinging them. */
void mode_idle(const struct options *options, struct processes *processes);

/* Clients open, subscribe to channels of their own, and unsubscribe; each phase prints a report,
 * and whoever started this looks at the tables, and says with a line on standard input when to go
 * on. */
void mode_churn(const struct options *options, struct processes *processes);

#endif
