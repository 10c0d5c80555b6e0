/* Figures of processes, from their /metrics pages (the text format of Prometheus).
 *
 *     page of each process ─▶ figures_read() ─▶ struct figures ─▶ figures_add(): the sum of all
 *     now - before ─▶ rates, and quantiles of what happened in between
 *
 * Counters only grow: what grew is taken per process, and a process that has started anew counts
 * from 0. Pure functions.
 */
#ifndef SLIP_CLIENTS_SLIP_FIGURES_H
#define SLIP_CLIENTS_SLIP_FIGURES_H

#include "common/base/span.h"

/* FIGURE(ID, "metric", "label", is_counter): samples whose labels hold the text (NULL: all) are
 * summed. */
#define FIGURES(FIGURE)                                                        \
    FIGURE(TEXT_IN, "slip_frames_in_total", "type=\"text\"", true)             \
    FIGURE(BINARY_IN, "slip_frames_in_total", "type=\"binary\"", true)         \
    FIGURE(TEXT_OUT, "slip_frames_out_total", "type=\"text\"", true)           \
    FIGURE(BINARY_OUT, "slip_frames_out_total", "type=\"binary\"", true)       \
    FIGURE(BYTES_IN, "slip_received_bytes_total", NULL, true)                  \
    FIGURE(BYTES_OUT, "slip_sent_bytes_total", NULL, true)                     \
    FIGURE(DELIVERIES, "slip_deliveries_total", NULL, true)                    \
    FIGURE(PUBLISHED, "slip_commands_total", "type=\"PUBLISH_", true)          \
    FIGURE(ACCEPTED, "slip_handshakes_total", "outcome=\"accepted\"", true)    \
    FIGURE(HANDSHAKES, "slip_handshakes_total", NULL, true)                    \
    FIGURE(CLOSES, "slip_closes_total", NULL, true)                            \
    FIGURE(WEBHOOKS, "slip_webhook_requests_total", NULL, true)                \
    FIGURE(WEBHOOKS_OK, "slip_webhook_requests_total", "outcome=\"ok\"", true) \
    FIGURE(RETRIES, "slip_webhook_retries_total", NULL, true)                  \
    FIGURE(REST, "slip_rest_requests_total", NULL, true)                       \
    FIGURE(CPU, "slip_process_cpu_seconds_total", NULL, true)                  \
    FIGURE(STARTED, "slip_process_start_time_seconds", NULL, false)            \
    FIGURE(CONNECTIONS, "slip_connections", NULL, false)                       \
    FIGURE(EVENTS_QUEUED, "slip_events_queued", NULL, false)                   \
    FIGURE(SEND_QUEUED, "slip_send_queued_bytes", NULL, false)                 \
    FIGURE(JOBS_WAITING, "slip_jobs_waiting", NULL, false)                     \
    FIGURE(JOBS_RETRYING, "slip_jobs_retrying", NULL, false)                   \
    FIGURE(JOBS_IN_FLIGHT, "slip_jobs_in_flight", NULL, false)                 \
    FIGURE(BREAKER, "slip_webhook_breaker_state", NULL, false)                 \
    FIGURE(RECEIPTS, "slip_receipts_waiting", NULL, false)                     \
    FIGURE(LETTERS, "slip_dead_letters_waiting", NULL, false)                  \
    FIGURE(DATABASE, "slip_database_up", NULL, false)                          \
    FIGURE(LINKS, "slip_link_peers", NULL, false)                              \
    FIGURE(RESIDENT, "slip_process_resident_memory_bytes", NULL, false)

enum figure {
#define FIGURE(id, metric, label, is_counter) FIGURE_##id,
    FIGURES(FIGURE)
#undef FIGURE
        FIGURE_COUNT
};

/* A histogram: how many were at most bounds[i]. */
enum { BUCKETS_MAX = 32 };

struct buckets {
    size_t count;
    double bounds[BUCKETS_MAX]; /* the last is infinite */
    double values[BUCKETS_MAX]; /* cumulative */
};

enum latency { LATENCY_WEBHOOK, LATENCY_DELIVERY, LATENCY_COUNT };

enum process_kind { KIND_EDGE, KIND_ROUTER, KIND_WORKER, KIND_CONTROL, KIND_UNKNOWN };

struct figures {
    enum process_kind kind;
    double values[FIGURE_COUNT];
    bool has[FIGURE_COUNT];
    struct buckets latencies[LATENCY_COUNT];
};

/* Reads a page; what it does not know is passed over. */
void figures_read(struct span page, struct figures *ret_figures);

const char *process_kind_name(enum process_kind kind);

/* Of a process: what its counters grew by since `before` (NULL: nothing is known, so 0), its gauges
 * as they are. */
void figures_since(const struct figures *now, const struct figures *before,
                   struct figures *ret_growth);

/* sum += more */
void figures_add(struct figures *sum, const struct figures *more);

/* The bound below which a share of 0 … 1 of all was, between buckets in proportion; a negative
 * number when there was nothing. */
double figures_quantile(const struct buckets *buckets, double share);

#endif
