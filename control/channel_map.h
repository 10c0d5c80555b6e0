/* Which edges may hold members of which channel: too much, never too little.
 *
 *     channel ─ marks ▶ mark ▶ mark        one mark for each pair; a publish walks this list
 *                        │
 *     holder  ─ marks ▶──┘ ▶ mark          an edge's side: what goes when the edge is forgotten
 *
 * A mark is set when a SUBSCRIBE is given a number for the edge (so the next command already sees
 * it), or by the edge's JOIN. It goes by LEAVE, unless a SUBSCRIBE with a number above `through`
 * was given out since; by the end of an announcement that did not name it; with its edge; or when
 * its SUBSCRIBE is receipted and no JOIN came before the receipt: the connection was gone.
 *
 * Pure. Holders are embedded in the edges; the map owns channels and marks.
 */
#ifndef SLIP_CONTROL_CHANNEL_MAP_H
#define SLIP_CONTROL_CHANNEL_MAP_H

#include "common/base/list.h"
#include "common/base/table.h"

struct channel_map {
    struct table channels;
    uint64_t stamp; /* of the last channel_map_stamp() */
};

/* The map's part of an edge. */
struct channel_holder {
    struct list marks;
    uint64_t session; /* grows with each announcement */
    uint64_t stamp;   /* of the last channel_map_stamp() that found it marked */
    size_t count;     /* of marks */
};

struct channel {
    struct table_link link;
    struct list marks;
    char name[];
};

struct channel_mark {
    struct list of_channel;
    struct list of_holder;
    struct channel *channel;
    struct channel_holder *holder;
    uint64_t subscribed; /* number of the last SUBSCRIBE, 0: only the edge's word */
    uint64_t session;    /* in which the edge last named it, 0: not since its LEAVE */
};

void channel_map_init(struct channel_map *map);
/* Every holder has been forgotten before (asserted). */
void channel_map_fini(struct channel_map *map);

void channel_holder_init(struct channel_holder *holder);

/* A SUBSCRIBE got this number. */
void channel_map_subscribe(struct channel_map *map, struct channel_holder *holder,
                           struct span channel, uint64_t number);

/* The edge has receipted that SUBSCRIBE; its announcement in this session is complete. */
void channel_map_subscribed(struct channel_map *map, struct channel_holder *holder,
                            struct span channel, uint64_t number);

/* The edge's JOIN. */
void channel_map_join(struct channel_map *map, struct channel_holder *holder, struct span channel);

/* The edge's LEAVE: it had applied commands up to `through`. */
void channel_map_leave(struct channel_map *map, struct channel_holder *holder, struct span channel,
                       uint64_t through);

/* The edge begins to announce its channels anew. */
void channel_map_announce(struct channel_holder *holder);

/* It has named them all: what it did not name goes, unless a SUBSCRIBE for it has a number of
 * `first_waiting` or above (it may not have been applied). */
void channel_map_announced(struct channel_map *map, struct channel_holder *holder,
                           uint64_t first_waiting);

/* The edge is gone. */
void channel_map_forget(struct channel_map *map, struct channel_holder *holder);

/* Puts a new stamp on every holder that is marked for the channel, and returns it: how a fan-out
 * finds the edges concerned in one walk over the edges. */
uint64_t channel_map_stamp(struct channel_map *map, struct span channel);

bool channel_map_is_marked(const struct channel_map *map, const struct channel_holder *holder,
                           struct span channel);

#endif
