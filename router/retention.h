/* Dead letters are kept for DEAD_LETTER_KEEP and up to DEAD_LETTER_LIMIT bytes; then the oldest go.
 *
 *     lock ─▶ delete what is too old ─▶ measure ─▶ delete what is too much ─▶ unlock
 *               └── few at a time ──┘   └ by steps ┘  └── few at a time ──┘
 *
 * Such a sweep is made when a session with PostgreSQL begins, every ten minutes, and after this
 * router has written a tenth of the limit; one router at a time. So the limit is passed by a tenth
 * for each router at most, and a sweep that finds it passed makes room for a tenth. One that
 * PostgreSQL's queue has no place for is soon begun again, under the same lock.
 *
 * A letter that a router has in hand for a replay stays, whatever the limits; one that somebody
 * wants to be replayed does not get too old, but it may be too much.
 */
#ifndef SLIP_ROUTER_RETENTION_H
#define SLIP_ROUTER_RETENTION_H

#include "common/base/base.h"
#include "common/process/loop.h"
#include "common/process/metrics.h"

struct router;
struct database_unit;

struct retention {
    struct loop_timer timer;
    struct database_unit *unit;          /* the sweep's, on its way */
    int64_t written_bytes;               /* by this router since it measured */
    bool is_due;                         /* for what was written */
    bool is_locked;                      /* no other router sweeps */
    int64_t excess_bytes;                /* measured so far, to be deleted then: above the limit */
    enum metric_label_retention setting; /* that is being enforced … */
    int64_t deleted;                     /* … and what it has cost */
    int64_t deleted_waiting;             /* of them not delivered */
};

void retention_init(struct retention *retention);
void retention_fini(struct router *router);
void retention_on_database_ready(struct router *router);

/* A dead letter with so much in it is being written. */
void retention_count(struct router *router, size_t bytes);

#endif
