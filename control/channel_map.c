#include "control/channel_map.h"

#include <stdlib.h>

void channel_map_init(struct channel_map *map)
{
    table_init(&map->channels);
    map->stamp = 0;
}

void channel_map_fini(struct channel_map *map)
{
    ASSERT(map->channels.count == 0);
    table_fini(&map->channels);
}

void channel_holder_init(struct channel_holder *holder)
{
    *holder = (struct channel_holder){.session = 1};
    list_init(&holder->marks);
}

static struct channel *find_channel(const struct channel_map *map, struct span name)
{
    struct table_link *link = table_find(&map->channels, name);
    return link ? TABLE_ENTRY(link, struct channel, link) : NULL;
}

static struct channel_mark *find_mark(const struct channel *channel,
                                      const struct channel_holder *holder)
{
    if (!channel)
        return NULL;
    LIST_FOR_EACH(&channel->marks, link) {
        struct channel_mark *mark = LIST_ENTRY(link, struct channel_mark, of_channel);
        if (mark->holder == holder)
            return mark;
    }
    return NULL;
}

static struct channel *find_or_add_channel(struct channel_map *map, struct span name)
{
    struct channel *channel = find_channel(map, name);
    if (channel)
        return channel;
    channel = xmalloc(sizeof *channel + name.length);
    memcpy(channel->name, name.data, name.length);
    list_init(&channel->marks);
    table_insert(&map->channels, &channel->link, span_of(channel->name, name.length));
    return channel;
}

static struct channel_mark *set_mark(struct channel_map *map, struct channel_holder *holder,
                                     struct span name)
{
    struct channel *channel = find_or_add_channel(map, name);
    struct channel_mark *mark = find_mark(channel, holder);

    if (!mark) {
        mark = xcalloc(1, sizeof *mark);
        mark->channel = channel;
        mark->holder = holder;
        list_append(&channel->marks, &mark->of_channel);
        list_append(&holder->marks, &mark->of_holder);
        holder->count++;
    }
    return mark;
}

static void remove_mark(struct channel_map *map, struct channel_mark *mark)
{
    struct channel *channel = mark->channel;

    mark->holder->count--;
    list_remove(&mark->of_channel);
    list_remove(&mark->of_holder);
    free(mark);
    if (list_is_empty(&channel->marks)) {
        table_remove(&map->channels, &channel->link);
        free(channel);
    }
}

void channel_map_subscribe(struct channel_map *map, struct channel_holder *holder,
                           struct span channel, uint64_t number)
{
    set_mark(map, holder, channel)->subscribed = number;
}

void channel_map_subscribed(struct channel_map *map, struct channel_holder *holder,
                            struct span channel, uint64_t number)
{
    struct channel_mark *mark = find_mark(find_channel(map, channel), holder);
    if (mark && mark->subscribed == number && mark->session != holder->session)
        remove_mark(map, mark);
}

void channel_map_join(struct channel_map *map, struct channel_holder *holder, struct span channel)
{
    set_mark(map, holder, channel)->session = holder->session;
}

void channel_map_leave(struct channel_map *map, struct channel_holder *holder, struct span channel,
                       uint64_t through)
{
    struct channel_mark *mark = find_mark(find_channel(map, channel), holder);
    if (!mark)
        return;
    if (mark->subscribed <= through)
        remove_mark(map, mark);
    else
        mark->session = 0;
}

void channel_map_announce(struct channel_holder *holder)
{
    holder->session++;
}

void channel_map_announced(struct channel_map *map, struct channel_holder *holder,
                           uint64_t first_waiting)
{
    LIST_FOR_EACH(&holder->marks, link) {
        struct channel_mark *mark = LIST_ENTRY(link, struct channel_mark, of_holder);
        if (mark->session != holder->session && mark->subscribed < first_waiting)
            remove_mark(map, mark);
    }
}

void channel_map_forget(struct channel_map *map, struct channel_holder *holder)
{
    LIST_FOR_EACH(&holder->marks, link) {
        remove_mark(map, LIST_ENTRY(link, struct channel_mark, of_holder));
    }
}

uint64_t channel_map_stamp(struct channel_map *map, struct span name)
{
    const struct channel *channel = find_channel(map, name);

    map->stamp++;
    if (!channel)
        return map->stamp;
    LIST_FOR_EACH(&channel->marks, link) {
        LIST_ENTRY(link, struct channel_mark, of_channel)->holder->stamp = map->stamp;
    }
    return map->stamp;
}

bool channel_map_is_marked(const struct channel_map *map, const struct channel_holder *holder,
                           struct span channel)
{
    return find_mark(find_channel(map, channel), holder) != NULL;
}
