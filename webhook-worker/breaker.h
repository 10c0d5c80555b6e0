/* The circuit breaker: when the target is down, it is probed instead of hammered.
 *
 *               BREAKER_FAILURES requests in a row without any status
 *      CLOSED ────────────────────────────────────────────────────────▶ OPEN ◀──────────┐
 *         ▲                                                              │ pause over:  │ no
 * status: │                                                              ▼ one request  │ pause × 2
 *         └──────────────────────── any status ──────────────────── HALF_OPEN ──────────┘
 *
 * A status, whichever it is, proves that the target is there; no connection, no answer in time and
 * an answer broken off before its status speak against it, unless a request that was sent later has
 * been answered: then it is those requests that do not go well, not the target. While OPEN or
 * HALF_OPEN no request is sent but the probe, which is the next job that comes when its time is
 * there. A status that a request from before brings closes the breaker too.
 *
 * A pure state machine: it reads no clock and draws no numbers. Owned by the worker.
 */
#ifndef SLIP_WEBHOOK_WORKER_BREAKER_H
#define SLIP_WEBHOOK_WORKER_BREAKER_H

#include "common/base/base.h"

/* As the gauge webhook_breaker_state shows it. */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_STATE_COUNT };

struct breaker_settings {
    uint64_t failures; /* in a row, until it opens; 0: never */
    int64_t first_ms;  /* pause before the first probe */
    int64_t last_ms;   /* longest pause between two probes */
};

struct breaker {
    struct breaker_settings settings;
    enum breaker_state state;
    uint64_t failures;                     /* in a row, while CLOSED */
    int64_t pause_ms;                      /* before the next probe, without jitter */
    int64_t probe_due_ms;                  /* OPEN: when a probe may go */
    int64_t answered_ms;                   /* when a status last came */
    uint64_t entered[BREAKER_STATE_COUNT]; /* how often each state began */
};

void breaker_init(struct breaker *breaker, struct breaker_settings settings);

/* 0: a request may be sent now. Else not, and after so many milliseconds it is worth asking
 * again. */
int64_t breaker_hold_ms(const struct breaker *breaker, int64_t now_ms);

/* A request is sent; breaker_hold_ms() was 0 (asserted). True: it is the probe. */
bool breaker_begin(struct breaker *breaker, int64_t now_ms);

/* The target has answered a request with a status. */
void breaker_answered(struct breaker *breaker, int64_t now_ms);

/* A request sent at `sent_ms` has ended without a status. `jitter`: 0 … 1023, drawn by the caller;
 * a pause is between half and all of what the doubling gives. */
void breaker_failed(struct breaker *breaker, int64_t sent_ms, bool is_probe, int64_t now_ms,
                    uint64_t jitter);

/* The probe was cut by us and proves nothing: another may go at once. */
void breaker_abandoned(struct breaker *breaker, int64_t now_ms);

#endif
