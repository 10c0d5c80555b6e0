/* A parcel: the commands of one request as the edges see them, without knowing who asked.
 *
 * The request embeds it and keeps it, with everything it points to, while `receipts` is not 0: so
 * many entries of outboxes point into it (or until the edges are thrown away).
 */
#ifndef SLIP_CONTROL_PARCEL_H
#define SLIP_CONTROL_PARCEL_H

#include "common/base/list.h"
#include "common/wire/wire.h"

struct edge;

struct parcel {
    const struct record_command_body *commands;
    size_t count;
    struct span origin; /* empty: none */
    uint64_t origin_first;
    uint64_t taken_in_us; /* CLOCK_REALTIME */

    /* Numbers given out for its commands of which neither on_applied nor on_gone was told. The
     * edge's: a poll is given one more in each session. */
    size_t receipts;

    /* The edge has applied the command. May free the parcel. */
    void (*on_applied)(struct parcel *parcel, size_t index);
    /* The edge is dead: the command has no effect there. May free the parcel. */
    void (*on_gone)(struct parcel *parcel, size_t index);
    /* The poll (below) is over: the connection is open, or never will be. */
    void (*on_polled)(struct parcel *parcel);

    /* The POLL_FOR_CONNECTION under way; one at a time. The edge's. */
    struct {
        struct list link;  /* in edge.polls */
        struct edge *edge; /* NULL: none */
        uint64_t number;
        size_t index;
    } poll;
};

#endif
