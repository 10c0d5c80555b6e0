/* Channels: which own connections are members of which channel.
 *
 *     index ─name─▶ channel ─▶ members: [ connection, slot | connection, slot | … ]
 *                      ▲                        │ ▲
 *                      │                   slot │ │ position
 *                      │                        ▼ │
 *                      └──────── memberships: [ channel, position | … ]   of a connection
 *
 * Each side knows its place on the other, so joining and leaving cost the same however large both
 * are, and a publish walks one array. A channel that lost its last member, and its last watch, is
 * kept for CHANNEL_LINGER_MS: control need not be told of members that come and go. Controls are
 * told by joins.h, never from here.
 *
 * The index belongs to the edge, memberships to their connection. One thread.
 */
#ifndef SLIP_EDGE_CHANNEL_H
#define SLIP_EDGE_CHANNEL_H

#include "common/base/list.h"
#include "common/base/table.h"

enum { CHANNEL_LINGER_MS = 30000 };

struct channel;
struct join;

/* Of a connection; zero-initialised is none. */
struct memberships {
    struct membership {
        struct channel *channel;
        uint32_t position; /* in channel->members */
    } * items;
    uint32_t count;
    uint32_t capacity;
};

struct member {
    struct memberships *of; /* embedded in the connection */
    uint32_t slot;          /* in of->items */
};

struct channel {
    struct table_link link;
    struct list empty_link; /* in index->empty, while it has no member and no watch */
    int64_t empty_since_ms;
    struct member *members;
    uint32_t count;
    uint32_t capacity;
    struct list watches; /* by controls that want to know what is published (watch.h) */
    struct join *join;   /* a JOIN that not every control has received yet, or NULL (joins.h) */
    char name[];
};

struct channel_index {
    struct table by_name;
    struct list empty; /* the longest empty first */
    size_t subscriptions;
    size_t nonempty;
};

void channel_index_init(struct channel_index *index);

/* Frees all channels; their members' memberships must be gone (asserted). */
void channel_index_fini(struct channel_index *index);

/* The channel, or NULL when no connection is or lately was a member. */
struct channel *channel_find(const struct channel_index *index, struct span name);

static inline struct span channel_name(const struct channel *channel)
{
    return channel->link.key;
}

/* Is it a member of the channel of this name? */
bool channel_has(const struct channel_index *index, const struct memberships *memberships,
                 struct span name);

enum channel_subscribed {
    CHANNEL_ALREADY_MEMBER,
    CHANNEL_MEMBER,       /* one more */
    CHANNEL_FIRST_MEMBER, /* and the channel is new here: controls must be told */
};

/* Makes `memberships` a member of the channel, in *ret_channel. */
enum channel_subscribed channel_subscribe(struct channel_index *index,
                                          struct memberships *memberships, struct span name,
                                          struct channel **ret_channel);

/* False: it was no member. */
bool channel_unsubscribe(struct channel_index *index, struct memberships *memberships,
                         struct span name, int64_t now_ms);

/* Leaves all channels and frees the array. */
void memberships_fini(struct channel_index *index, struct memberships *memberships, int64_t now_ms);

/* Keeps the channel, with or without members: `link` is in its list of watches. */
struct channel *channel_watch(struct channel_index *index, struct span name, struct list *link,
                              bool *ret_is_new);
void channel_unwatch(struct channel_index *index, struct channel *channel, struct list *link,
                     int64_t now_ms);

/* The channel that has been empty for CHANNEL_LINGER_MS the longest, or NULL. The caller tells the
 * controls and destroys it. */
struct channel *channel_index_expired(const struct channel_index *index, int64_t now_ms);

/* An empty channel (asserted) without a watch or a join under way (asserted). */
void channel_destroy(struct channel_index *index, struct channel **channel);

#endif
