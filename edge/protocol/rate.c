#include "edge/protocol/rate.h"

enum { ONE = 1000, SECOND_MS = 1000 };

void rate_init(struct rate *rate, int64_t per_second, int64_t now_ms)
{
    *rate = (struct rate){
        .per_second = per_second,
        .thousandths = per_second * ONE,
        .filled_ms = now_ms,
    };
}

/* A millisecond brings per_second thousandths. */
static void fill(struct rate *rate, int64_t now_ms)
{
    int64_t passed_ms = now_ms - rate->filled_ms;
    int64_t brim = rate->per_second * ONE;
    rate->filled_ms = now_ms;
    if (passed_ms >= SECOND_MS)
        rate->thousandths = brim;
    else
        rate->thousandths += passed_ms * rate->per_second;
    if (rate->thousandths > brim)
        rate->thousandths = brim;
}

bool rate_take(struct rate *rate, int64_t now_ms)
{
    if (rate->per_second == 0)
        return true;
    fill(rate, now_ms);
    if (rate->thousandths < ONE)
        return false;
    rate->thousandths -= ONE;
    return true;
}
