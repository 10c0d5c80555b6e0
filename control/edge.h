/* An edge as control sees it: is it connected, what has it said, what was sent to it.
 *
 *              roll: live          link up        ANNOUNCED
 *     unknown ───────────▶ known ◀──────▶ linked ──────────▶ announced
 *        │ nobody knows it    │ roll: dead
 *        ▼                    ▼
 *      gone ◀──────────────  gone      its commands are told to be gone; it is forgotten
 *                                      when its link has ended and nobody asks for it
 *
 * Commands given to an edge wait in its outbox while its link is down or full, and until it says
 * that they are applied. An edge that is neither linked nor on the roll is unknown: as soon as a
 * command waits for it, `on_unknown` is called, and the answer is edge_vouch() or edge_bury().
 *
 * One loop; all edges belong to the set.
 */
#ifndef SLIP_CONTROL_EDGE_H
#define SLIP_CONTROL_EDGE_H

#include "common/wire/link.h"
#include "control/channel_map.h"
#include "control/connection_id.h"
#include "control/outbox.h"
#include "control/parcel.h"

/* How long one that is gone is remembered, so that not each command asks anew. */
#define EDGE_GONE_MS 5000

struct edge {
    struct table_link link_in_table;
    struct list in_unknown; /* until edge_vouch() or edge_bury(); edge_set.unknown at first */
    char id[EDGE_ID_LENGTH];
    struct link *link; /* NULL: not connected */
    bool is_on_roll;   /* as live */
    bool is_gone;
    bool is_announced;  /* in this session of the link */
    int64_t changed_ms; /* when it was made, became gone, was vouched for, or lost its link */
    struct outbox outbox;
    struct list polls; /* of parcels */
    struct channel_holder holder;
};

struct edge_set {
    struct table edges;
    struct list unknown;
    uint64_t number_floor; /* above every number that a forgotten edge was given */
    struct channel_map *channels;
    int64_t peer_timeout_ms;
    void (*on_unknown)(void *context); /* `unknown` has one more; NULL: nobody to ask */
    void *context;
};

void edge_set_init(struct edge_set *set, struct channel_map *channels, int64_t peer_timeout_ms);
/* Frees the edges; parcels are told nothing. */
void edge_set_fini(struct edge_set *set);

/* The edge, or NULL. */
struct edge *edge_set_find(const struct edge_set *set, struct span id);
/* The edge, made when it is new; the id is an edge's (asserted). */
struct edge *edge_set_get(struct edge_set *set, struct span id);

/* Visits all; the current one may go meanwhile, no other, and none may be made. */
#define EDGE_SET_FOR_EACH(set, edge)                                                         \
    TABLE_FOR_EACH(&(set)->edges, edge##_link)                                               \
        for (struct edge *edge = TABLE_ENTRY(edge##_link, struct edge, link_in_table); edge; \
             edge = NULL)

/* ---- the link ---- */

/* A session has begun: what is not receipted goes again, and the edge is about to announce. One
 * that was gone is not any more; edge_bury() it again when the roll says so. */
void edge_linked(struct edge *edge, struct link *link);
void edge_unlinked(struct edge_set *set, struct edge *edge, int64_t now_ms);

/* Sends what is parked, as far as the link takes it. Call when it may take more. */
void edge_flush(struct edge *edge);

/* ---- what the edge says ---- */

void edge_join(struct edge_set *set, struct edge *edge, struct span channel);
void edge_leave(struct edge_set *set, struct edge *edge, struct span channel, uint64_t through);
void edge_announced(struct edge_set *set, struct edge *edge);
/* Numbers first … last are applied. Numbers that are not waiting are ignored. */
void edge_receipt(struct edge_set *set, struct edge *edge, uint64_t first, uint64_t last);
void edge_polled(struct edge *edge, uint64_t number);

/* ---- what the roll, or the table `edges`, says ---- */

/* The roll has it as live, or has it no more. */
void edge_set_on_roll(struct edge_set *set, struct edge *edge, bool is_on_roll);
/* An unknown edge is live by the table: its commands go on waiting. */
void edge_vouch(struct edge *edge, int64_t now_ms);
/* It is dead: every command for it is told to be gone, its marks go. */
void edge_bury(struct edge_set *set, struct edge *edge, int64_t now_ms);
/* Forgets edges that nothing needs any more, and asks again about those that were vouched for and
 * did not come. Call every second or so. */
void edge_set_sweep(struct edge_set *set, int64_t now_ms);

/* ---- commands ---- */

/* Gives a command to an edge that is not gone (asserted), and returns its number. A SUBSCRIBE marks
 * the channel. */
uint64_t edge_send(struct edge_set *set, struct edge *edge, struct parcel *parcel, size_t index);

/* The same for a POLL_FOR_CONNECTION: on_polled follows, unless edge_poll_cancel() comes first. */
void edge_poll(struct edge_set *set, struct edge *edge, struct parcel *parcel, size_t index);
void edge_poll_cancel(struct parcel *parcel);

/* Must a fan-out reach the edge? When it is marked (by the stamp of channel_map_stamp()), and when
 * we cannot know: it has not announced its channels, or is not current (silent for more than half
 * of PEER_TIMEOUT: what it has said may not have arrived). */
bool edge_is_concerned(const struct edge_set *set, const struct edge *edge, uint64_t stamp);

/* Can a request be admitted that has commands for it? */
bool edge_is_full(const struct edge *edge);

#endif
