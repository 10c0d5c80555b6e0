/* Watches: channels that somebody follows, each through one edge, which tells what is published
 * there (edge/watch.h).
 *
 *     follower ─┐                       ┌─ WATCH ──▶ edge
 *     follower ─┴─▶ watch: "news" ──────┤
 *                                       └─ WATCHING, WATCHED … ──┘
 *
 * Any edge will do: it is sent every publish as if it held a member. One that does hold a member is
 * preferred, as nothing more is sent then. When it is lost, another takes over; what was published
 * in between is missed, which the followers learn from on_begun's being called again.
 *
 * Followers are embedded in whoever follows. One loop.
 */
#ifndef SLIP_CONTROL_WATCH_H
#define SLIP_CONTROL_WATCH_H

#include "control/edge.h"

struct watch;

struct follower {
    struct list link;
    struct watch *watch; /* NULL: follows nothing */
    /* From here on every message is told, in the order of one edge. */
    void (*on_begun)(struct follower *follower);
    void (*on_published)(struct follower *follower, const struct message_watched *message);
};

struct watch_set {
    struct edge_set *edges;
    struct table by_channel;
    size_t follower_count;
};

void watch_set_init(struct watch_set *set, struct edge_set *edges);
/* Nobody follows any more (asserted). */
void watch_set_fini(struct watch_set *set);

/* on_begun may come before this returns, or any time later: when there is an edge. */
void watch_follow(struct watch_set *set, struct span channel, struct follower *follower);
/* Also from within its callbacks; and when it follows nothing. */
void watch_unfollow(struct watch_set *set, struct follower *follower);

/* An edge can be used; it cannot be any more (its link has ended, or it was buried). */
void watch_edge_came(struct watch_set *set, struct edge *edge);
void watch_edge_left(struct watch_set *set, struct edge *edge);

/* What it says. */
void watch_begun(struct watch_set *set, const struct edge *edge, struct span channel);
void watch_published(struct watch_set *set, const struct edge *edge,
                     const struct message_watched *message);

#endif
