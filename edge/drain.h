/* Draining (SIGTERM): the edge leaves without losing anything.
 *
 *     CLOSING_CLIENTS   nobody is taken in; clients get 1001, spread over DRAIN_SECONDS
 *     DELIVERING        until all batches are acknowledged, at most 2 × CLOSE_TIMEOUT
 *     LEAVING           what is left is handed over, LEAVING sent; when received, the edge stops
 *
 * Without a router (none at all, or home_is_missing) there is nobody to leave from: an edge that
 * holds nothing stops at once. One that does waits for a router until its limit, and then fails.
 */
#ifndef SLIP_EDGE_DRAIN_H
#define SLIP_EDGE_DRAIN_H

#include "common/process/config.h"
#include "common/process/loop.h"

struct edge;

enum drain_stage { DRAIN_NOT, DRAIN_CLOSING_CLIENTS, DRAIN_DELIVERING, DRAIN_LEAVING };

enum { DRAIN_STEP_MS = 50 };

struct drain {
    struct edge *edge;
    enum drain_stage stage;
    struct loop_timer step;
    int64_t began_ms;
    size_t bucket;         /* of edge->connections: who stands before it was looked at */
    int64_t told_ms;       /* when the last client was told to go */
    uint64_t left_number;  /* link number of LEAVING, */
    uint32_t left_session; /* and the router session it was sent in */
};

void drain_init(struct drain *drain, struct edge *edge);
void drain_begin(struct drain *drain);
static inline bool drain_is_draining(const struct drain *drain)
{
    return drain->stage != DRAIN_NOT;
}

/* How long it may take at most. */
int64_t drain_limit_ms(const struct config *config);

#endif
