#include "webhook-worker/breaker.h"

static void enter(struct breaker *breaker, enum breaker_state state)
{
    breaker->state = state;
    breaker->entered[state]++;
}

static void pause_probes(struct breaker *breaker, int64_t now_ms, uint64_t jitter)
{
    int64_t half_ms = breaker->pause_ms / 2;
    breaker->probe_due_ms = now_ms + half_ms + half_ms * (int64_t)(jitter % 1024) / 1023;
    enter(breaker, BREAKER_OPEN);
}

void breaker_init(struct breaker *breaker, struct breaker_settings settings)
{
    *breaker = (struct breaker){.settings = settings};
}

int64_t breaker_hold_ms(const struct breaker *breaker, int64_t now_ms)
{
    switch (breaker->state) {
    case BREAKER_OPEN:
        return breaker->probe_due_ms > now_ms ? breaker->probe_due_ms - now_ms : 0;
    case BREAKER_HALF_OPEN:
        return breaker->pause_ms;
    case BREAKER_CLOSED:
    case BREAKER_STATE_COUNT:
        break;
    }
    return 0;
}

bool breaker_begin(struct breaker *breaker, int64_t now_ms)
{
    ASSERT(breaker_hold_ms(breaker, now_ms) == 0);
    if (breaker->state == BREAKER_CLOSED)
        return false;
    enter(breaker, BREAKER_HALF_OPEN);
    return true;
}

void breaker_answered(struct breaker *breaker, int64_t now_ms)
{
    breaker->failures = 0;
    breaker->answered_ms = now_ms;
    if (breaker->state != BREAKER_CLOSED)
        enter(breaker, BREAKER_CLOSED);
}

void breaker_failed(struct breaker *breaker, int64_t sent_ms, bool is_probe, int64_t now_ms,
                    uint64_t jitter)
{
    const struct breaker_settings *settings = &breaker->settings;
    if (breaker->state == BREAKER_CLOSED) {
        if (sent_ms < breaker->answered_ms)
            return;
        breaker->failures++;
        if (settings->failures == 0 || breaker->failures < settings->failures)
            return;
        breaker->pause_ms = settings->first_ms;
        pause_probes(breaker, now_ms, jitter);
    } else if (is_probe && breaker->state == BREAKER_HALF_OPEN) {
        breaker->pause_ms =
            breaker->pause_ms > settings->last_ms / 2 ? settings->last_ms : breaker->pause_ms * 2;
        pause_probes(breaker, now_ms, jitter);
    }
}

void breaker_abandoned(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->state != BREAKER_HALF_OPEN)
        return;
    breaker->probe_due_ms = now_ms;
    enter(breaker, BREAKER_OPEN);
}
