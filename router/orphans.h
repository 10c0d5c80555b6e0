/* What routers that are gone have left in PostgreSQL: live edges that greet nobody, and dead ones
 * whose connections still wait for their CLOSE.
 *
 * Each router beats: a counter in its row grows. Every router reads all of it with each of its own
 * beats (a scan), and measures with its own monotonic clock how long an edge's home has stood
 * still. An edge whose home stood still for 2 × PEER_TIMEOUT, and which does not speak to us
 * either, is an orphan; one router wins it (death.h).
 */
#ifndef SLIP_ROUTER_ORPHANS_H
#define SLIP_ROUTER_ORPHANS_H

#include "common/base/table.h"
#include "common/database/database.h"
#include "common/process/loop.h"

struct router;

/* An edge in PostgreSQL that is not at home here. */
struct suspect {
    struct table_link by_id;
    uint64_t epoch;
    int64_t beat;
    int64_t since_ms; /* when the two last changed */
    bool is_live;     /* its row says live */
    bool has_moved;   /* its home has beaten since we look: somebody cares */
    bool was_seen;    /* in the scan that is being read */
    size_t id_length;
    char id[];
};

struct orphans {
    struct loop_timer timer;
    struct table suspects;
    struct database_unit *beat; /* on their way */
    struct database_unit *scan;
    char failure[128];       /* why the last scan has failed; empty: it has not */
    bool has_scanned;        /* in this session with PostgreSQL */
    bool others_beat;        /* another router lives, as far as we know */
    int64_t other_beats_sum; /* of all other routers, to see whether any moves */
    int64_t others_moved_ms;
    uint64_t scans;
};

void orphans_init(struct orphans *orphans);
void orphans_fini(struct orphans *orphans);

void orphans_on_database_ready(struct router *router);
void orphans_on_database_down(struct router *router);

/* Another router lives, or did when PostgreSQL was last there: then nobody may judge without
 * PostgreSQL. */
bool orphans_others_live(const struct router *router);

/* What PostgreSQL remembers cannot be seen: it is away, or the last scan has failed. */
bool orphans_are_hidden(const struct router *router);

/* The edge is at home here now. */
void orphans_forget(struct router *router, struct span edge_id);

#endif
