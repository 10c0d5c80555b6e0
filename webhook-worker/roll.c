#include "webhook-worker/roll.h"

#include <stdlib.h>

struct roll {
    struct table_link link;
    char router[WIRE_NAME_BYTES];
    uint64_t version;
    size_t live_count;
    struct buffer encoded;
    bool is_gone; /* its router's session has ended … */
    int64_t gone_at_ms;
};

void rolls_init(struct rolls *rolls, int64_t keep_ms)
{
    table_init(&rolls->by_router);
    rolls->keep_ms = keep_ms;
}

static void roll_forget(struct rolls *rolls, struct roll *roll)
{
    table_remove(&rolls->by_router, &roll->link);
    buffer_fini(&roll->encoded);
    free(roll);
}

void rolls_fini(struct rolls *rolls)
{
    TABLE_FOR_EACH(&rolls->by_router, link)
        roll_forget(rolls, TABLE_ENTRY(link, struct roll, link));
    table_fini(&rolls->by_router);
}

static struct roll *roll_find(const struct rolls *rolls, struct span router)
{
    struct table_link *link = table_find(&rolls->by_router, router);
    return link ? TABLE_ENTRY(link, struct roll, link) : NULL;
}

static struct roll *roll_new(struct rolls *rolls, struct span router)
{
    ASSERT(router.length <= WIRE_NAME_BYTES);
    struct roll *roll = xcalloc(1, sizeof(*roll));
    if (router.length > 0)
        memcpy(roll->router, router.data, router.length);
    table_insert(&rolls->by_router, &roll->link, span_of(roll->router, router.length));
    return roll;
}

static void forget_old(struct rolls *rolls, int64_t now_ms)
{
    TABLE_FOR_EACH(&rolls->by_router, link) {
        struct roll *roll = TABLE_ENTRY(link, struct roll, link);
        if (roll->is_gone && now_ms - roll->gone_at_ms >= rolls->keep_ms)
            roll_forget(rolls, roll);
    }
}

struct span rolls_take(struct rolls *rolls, const struct message_roll *message, int64_t now_ms)
{
    struct roll *roll = roll_find(rolls, message->router);
    bool is_known = roll && roll->version >= message->version;
    if (!roll)
        roll = roll_new(rolls, message->router);
    roll->is_gone = false;
    forget_old(rolls, now_ms);
    if (is_known)
        return span_of(NULL, 0);
    roll->version = message->version;
    roll->live_count = message->live.count;
    buffer_clear(&roll->encoded);
    wire_put_roll(&roll->encoded, message);
    return buffer_span(&roll->encoded);
}

void rolls_router_down(struct rolls *rolls, struct span router, int64_t now_ms)
{
    struct roll *roll = roll_find(rolls, router);
    if (!roll)
        return;
    roll->is_gone = true;
    roll->gone_at_ms = now_ms;
}

void rolls_put(const struct rolls *rolls, struct buffer *packet)
{
    TABLE_FOR_EACH(&rolls->by_router, link)
        buffer_append_span(packet, buffer_span(&TABLE_ENTRY(link, struct roll, link)->encoded));
}

size_t rolls_live_edges(const struct rolls *rolls)
{
    size_t count = 0;
    TABLE_FOR_EACH(&rolls->by_router, link)
        count += TABLE_ENTRY(link, struct roll, link)->live_count;
    return count;
}

uint64_t rolls_version(const struct rolls *rolls)
{
    uint64_t version = 0;
    TABLE_FOR_EACH(&rolls->by_router, link) {
        const struct roll *roll = TABLE_ENTRY(link, struct roll, link);
        if (roll->version > version)
            version = roll->version;
    }
    return version;
}
