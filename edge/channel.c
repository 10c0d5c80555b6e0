#include "edge/channel.h"

#include <stdlib.h>

void channel_index_init(struct channel_index *index)
{
    *index = (struct channel_index){0};
    table_init(&index->by_name);
    list_init(&index->empty);
}

void channel_index_fini(struct channel_index *index)
{
    TABLE_FOR_EACH(&index->by_name, link) {
        struct channel *channel = TABLE_ENTRY(link, struct channel, link);
        channel_destroy(index, &channel);
    }
    table_fini(&index->by_name);
}

struct channel *channel_find(const struct channel_index *index, struct span name)
{
    struct table_link *link = table_find(&index->by_name, name);
    return link ? TABLE_ENTRY(link, struct channel, link) : NULL;
}

static struct channel *create(struct channel_index *index, struct span name)
{
    struct channel *channel = xmalloc(sizeof(*channel) + name.length);
    *channel = (struct channel){0};
    memcpy(channel->name, name.data, name.length);
    list_init(&channel->empty_link);
    list_init(&channel->watches);
    table_insert(&index->by_name, &channel->link, span_of(channel->name, name.length));
    return channel;
}

void channel_destroy(struct channel_index *index, struct channel **channel_place)
{
    struct channel *channel = *channel_place;
    *channel_place = NULL;
    ASSERT(channel->count == 0 && !channel->join && list_is_empty(&channel->watches));
    list_remove(&channel->empty_link);
    table_remove(&index->by_name, &channel->link);
    free(channel->members);
    free(channel);
}

/* The shorter side is searched: either may hold a hundred thousand. */
static bool find_slot(const struct memberships *memberships, const struct channel *channel,
                      uint32_t *ret_slot)
{
    if (memberships->count <= channel->count) {
        for (uint32_t i = 0; i < memberships->count; i++)
            if (memberships->items[i].channel == channel) {
                *ret_slot = i;
                return true;
            }
        return false;
    }
    for (uint32_t i = 0; i < channel->count; i++)
        if (channel->members[i].of == memberships) {
            *ret_slot = channel->members[i].slot;
            return true;
        }
    return false;
}

bool channel_has(const struct channel_index *index, const struct memberships *memberships,
                 struct span name)
{
    const struct channel *channel = channel_find(index, name);
    uint32_t slot;
    return channel && find_slot(memberships, channel, &slot);
}

static uint32_t grown(uint32_t capacity, uint32_t first)
{
    ASSERT(capacity < UINT32_MAX / 2);
    return capacity ? capacity * 2 : first;
}

static void add(struct channel *channel, struct memberships *memberships)
{
    if (channel->count == channel->capacity) {
        channel->capacity = grown(channel->capacity, 2);
        channel->members =
            xrealloc(channel->members, channel->capacity * sizeof(*channel->members));
    }
    if (memberships->count == memberships->capacity) {
        memberships->capacity = grown(memberships->capacity, 1);
        memberships->items =
            xrealloc(memberships->items, memberships->capacity * sizeof(*memberships->items));
    }
    uint32_t position = channel->count++;
    uint32_t slot = memberships->count++;
    channel->members[position] = (struct member){.of = memberships, .slot = slot};
    memberships->items[slot] = (struct membership){.channel = channel, .position = position};
}

enum channel_subscribed channel_subscribe(struct channel_index *index,
                                          struct memberships *memberships, struct span name,
                                          struct channel **ret_channel)
{
    struct channel *channel = channel_find(index, name);
    bool is_new = !channel;
    if (is_new)
        channel = create(index, name);
    *ret_channel = channel;
    uint32_t slot;
    if (find_slot(memberships, channel, &slot))
        return CHANNEL_ALREADY_MEMBER;
    if (channel->count == 0)
        index->nonempty++;
    list_remove(&channel->empty_link);
    add(channel, memberships);
    index->subscriptions++;
    return is_new ? CHANNEL_FIRST_MEMBER : CHANNEL_MEMBER;
}

/* Nobody may need it any more. */
static void linger(struct channel_index *index, struct channel *channel, int64_t now_ms)
{
    if (channel->count > 0 || !list_is_empty(&channel->watches))
        return;
    channel->empty_since_ms = now_ms;
    list_append(&index->empty, &channel->empty_link);
}

/* The last element of each side fills the hole, and its other half is told where it is now. */
static void remove_at(struct channel_index *index, struct memberships *memberships, uint32_t slot,
                      int64_t now_ms)
{
    struct channel *channel = memberships->items[slot].channel;
    uint32_t position = memberships->items[slot].position;

    struct member last_member = channel->members[--channel->count];
    channel->members[position] = last_member;
    last_member.of->items[last_member.slot].position = position;

    struct membership last_membership = memberships->items[--memberships->count];
    memberships->items[slot] = last_membership;
    if (memberships->count != slot)
        last_membership.channel->members[last_membership.position].slot = slot;

    index->subscriptions--;
    if (channel->count == 0) {
        index->nonempty--;
        linger(index, channel, now_ms);
    }
}

bool channel_unsubscribe(struct channel_index *index, struct memberships *memberships,
                         struct span name, int64_t now_ms)
{
    struct channel *channel = channel_find(index, name);
    uint32_t slot;
    if (!channel || !find_slot(memberships, channel, &slot))
        return false;
    remove_at(index, memberships, slot, now_ms);
    return true;
}

void memberships_fini(struct channel_index *index, struct memberships *memberships, int64_t now_ms)
{
    while (memberships->count > 0)
        remove_at(index, memberships, memberships->count - 1, now_ms);
    free(memberships->items);
    *memberships = (struct memberships){0};
}

struct channel *channel_watch(struct channel_index *index, struct span name, struct list *link,
                              bool *ret_is_new)
{
    struct channel *channel = channel_find(index, name);
    *ret_is_new = !channel;
    if (!channel)
        channel = create(index, name);
    list_remove(&channel->empty_link);
    list_append(&channel->watches, link);
    return channel;
}

void channel_unwatch(struct channel_index *index, struct channel *channel, struct list *link,
                     int64_t now_ms)
{
    list_remove(link);
    linger(index, channel, now_ms);
}

struct channel *channel_index_expired(const struct channel_index *index, int64_t now_ms)
{
    struct channel *channel = LIST_FIRST(&index->empty, struct channel, empty_link);
    return channel && now_ms - channel->empty_since_ms >= CHANNEL_LINGER_MS ? channel : NULL;
}
