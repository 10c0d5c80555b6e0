/* A resolver: turns the addresses of a setting ("router:7100,[::1]:7100") into the addresses of the
 * network, now and again at an interval, without ever making the loop wait
 * (common/process/lookup.h). Numeric addresses need no thread and are reported in resolver_start.
 */
#ifndef SLIP_WIRE_RESOLVER_H
#define SLIP_WIRE_RESOLVER_H

#include "common/base/span.h"
#include "common/process/loop.h"

struct resolver;

enum {
    RESOLVER_TEXT_SIZE = 64, /* "[IPv6 with scope]:port" and its NUL */
    RESOLVER_ADDRESSES = 1024,
};

/* "1.2.3.4:port" or "[…]:port". */
struct resolver_address {
    char text[RESOLVER_TEXT_SIZE];
};

struct resolver_result {
    const struct resolver_address *addresses; /* no two equal; at most RESOLVER_ADDRESSES */
    size_t count;
    bool is_complete; /* every name was answered, be it with "no such name" */
};

/* Parses `addresses` and looks them up; then again every interval_ms if a name is among them.
 * on_resolved is called for every result, the first time perhaps before this returns. Returns 0 or
 * -EINVAL (empty, or not host:port). */
MUST_USE
int resolver_start(struct loop *loop, struct span addresses, int64_t interval_ms,
                   void (*on_resolved)(void *context, const struct resolver_result *result),
                   void *context, struct resolver **ret_resolver);

/* No call comes after. NULL is fine. Not in on_resolved. */
void resolver_destroy(struct resolver **resolver);

#endif
