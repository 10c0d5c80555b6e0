#include "control/watch.h"

#include <stdlib.h>

struct watch {
    struct table_link link;
    struct list followers;
    struct edge *edge; /* NULL: there is none */
    bool is_begun;     /* it has said WATCHING */
    char name[];
};

void watch_set_init(struct watch_set *set, struct edge_set *edges)
{
    *set = (struct watch_set){.edges = edges};
    table_init(&set->by_channel);
}

void watch_set_fini(struct watch_set *set)
{
    ASSERT(set->follower_count == 0 && set->by_channel.count == 0);
    table_fini(&set->by_channel);
}

/* ---- the edge ---- */

static void tell_edge(const struct watch *watch, bool is_on)
{
    const struct message_watch message = {.channel = watch->link.key, .is_on = is_on};
    if (watch->edge && watch->edge->link)
        wire_put_watch(link_packet(watch->edge->link), &message);
}

static bool is_usable(const struct edge *edge)
{
    return edge->link && !edge->is_gone;
}

static struct edge *best_edge(const struct watch_set *set, struct span channel)
{
    struct edge *any = NULL;

    EDGE_SET_FOR_EACH(set->edges, edge) {
        if (!is_usable(edge))
            continue;
        if (channel_map_is_marked(set->edges->channels, &edge->holder, channel))
            return edge;
        any = edge;
    }
    return any;
}

static void choose_edge(const struct watch_set *set, struct watch *watch)
{
    watch->is_begun = false;
    watch->edge = best_edge(set, watch->link.key);
    tell_edge(watch, true);
}

void watch_edge_came(struct watch_set *set, struct edge *edge)
{
    if (!is_usable(edge))
        return;
    TABLE_FOR_EACH(&set->by_channel, link) {
        struct watch *watch = TABLE_ENTRY(link, struct watch, link);
        if (!watch->edge)
            choose_edge(set, watch);
    }
}

void watch_edge_left(struct watch_set *set, struct edge *edge)
{
    TABLE_FOR_EACH(&set->by_channel, link) {
        struct watch *watch = TABLE_ENTRY(link, struct watch, link);
        if (watch->edge != edge)
            continue;
        tell_edge(watch, false);
        choose_edge(set, watch);
    }
}

static struct watch *find(const struct watch_set *set, struct span channel)
{
    struct table_link *link = table_find(&set->by_channel, channel);
    return link ? TABLE_ENTRY(link, struct watch, link) : NULL;
}

/* A message, or NULL: begun. A follower may leave in its callback, and the last one takes the watch
 * along. */
static void tell_each(struct watch *watch, const struct message_watched *message)
{
    bool is_last = false;

    for (struct list *link = watch->followers.next, *next; !is_last; link = next) {
        struct follower *follower = LIST_ENTRY(link, struct follower, link);
        next = link->next;
        is_last = next == &watch->followers;
        if (message)
            follower->on_published(follower, message);
        else
            follower->on_begun(follower);
    }
}

void watch_begun(struct watch_set *set, const struct edge *edge, struct span channel)
{
    struct watch *watch = find(set, channel);

    if (!watch || watch->edge != edge || watch->is_begun)
        return;
    watch->is_begun = true;
    tell_each(watch, NULL);
}

void watch_published(struct watch_set *set, const struct edge *edge,
                     const struct message_watched *message)
{
    struct watch *watch = find(set, message->channel);

    if (!watch || watch->edge != edge || !watch->is_begun)
        return;
    tell_each(watch, message);
}

/* ---- followers ---- */

static struct watch *create(struct watch_set *set, struct span channel)
{
    struct watch *watch = xmalloc(sizeof *watch + channel.length);

    *watch = (struct watch){.edge = NULL};
    memcpy(watch->name, channel.data, channel.length);
    list_init(&watch->followers);
    table_insert(&set->by_channel, &watch->link, span_of(watch->name, channel.length));
    choose_edge(set, watch);
    return watch;
}

void watch_follow(struct watch_set *set, struct span channel, struct follower *follower)
{
    struct watch *watch = find(set, channel);

    if (!watch)
        watch = create(set, channel);
    follower->watch = watch;
    list_append(&watch->followers, &follower->link);
    set->follower_count++;
    if (watch->is_begun)
        follower->on_begun(follower);
}

void watch_unfollow(struct watch_set *set, struct follower *follower)
{
    struct watch *watch = follower->watch;

    if (!watch)
        return;
    follower->watch = NULL;
    list_remove(&follower->link);
    set->follower_count--;
    if (!list_is_empty(&watch->followers))
        return;
    tell_edge(watch, false);
    table_remove(&set->by_channel, &watch->link);
    free(watch);
}
