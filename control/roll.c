#include "control/roll.h"

#include <stdlib.h>

struct roll_word {
    char id[EDGE_ID_LENGTH];
    uint64_t epoch;
    bool is_dead;
};

/* What one router said last. */
struct roll_router {
    struct list link;
    uint64_t version;
    int64_t heard_ms;
    struct roll_word *words;
    size_t count;
    size_t name_length;
    char name[WIRE_NAME_BYTES];
};

void roll_init(struct roll *roll)
{
    list_init(&roll->routers);
    table_init(&roll->edges);
    roll->live_count = 0;
}

static void free_router(struct roll_router *router)
{
    list_remove(&router->link);
    free(router->words);
    free(router);
}

static void clear_view(struct roll *roll)
{
    TABLE_FOR_EACH(&roll->edges, link) {
        table_remove(&roll->edges, link);
        free(TABLE_ENTRY(link, struct roll_edge, link));
    }
    roll->live_count = 0;
}

void roll_fini(struct roll *roll)
{
    clear_view(roll);
    table_fini(&roll->edges);
    LIST_FOR_EACH(&roll->routers, link) {
        free_router(LIST_ENTRY(link, struct roll_router, link));
    }
}

static struct span router_name(const struct roll_router *router)
{
    return span_of(router->name, router->name_length);
}

static struct roll_router *find_router(const struct roll *roll, struct span name)
{
    LIST_FOR_EACH(&roll->routers, link) {
        struct roll_router *router = LIST_ENTRY(link, struct roll_router, link);
        if (span_equal(router_name(router), name))
            return router;
    }
    return NULL;
}

static struct roll_router *add_router(struct roll *roll, struct span name)
{
    struct roll_router *router = xcalloc(1, sizeof *router);

    router->name_length = min_size(name.length, sizeof router->name);
    memcpy(router->name, name.data, router->name_length);
    list_append(&roll->routers, &router->link);
    return router;
}

static size_t copy_words(struct roll_word *words, const struct record_roll_entry_list *entries,
                         bool is_dead)
{
    size_t count = 0;

    for (size_t i = 0; i < entries->count; i++) {
        const struct record_roll_entry *entry = &entries->items[i];
        if (!edge_id_is_valid(entry->edge))
            continue;
        struct roll_word *word = &words[count++];
        bool is_final = is_dead && entry->epoch == 0;
        *word =
            (struct roll_word){.epoch = is_final ? UINT64_MAX : entry->epoch, .is_dead = is_dead};
        memcpy(word->id, entry->edge.data, EDGE_ID_LENGTH);
    }
    return count;
}

static void replace_words(struct roll_router *router, const struct message_roll *message)
{
    free(router->words);
    router->words = xcalloc(message->live.count + message->dead.count + 1, sizeof *router->words);
    router->count = copy_words(router->words, &message->live, false);
    router->count += copy_words(router->words + router->count, &message->dead, true);
}

static void merge_word(struct roll *roll, const struct roll_word *word)
{
    struct span id = span_of(word->id, EDGE_ID_LENGTH);
    struct table_link *link = table_find(&roll->edges, id);
    struct roll_edge *edge;

    if (!link) {
        edge = xcalloc(1, sizeof *edge);
        memcpy(edge->id, word->id, EDGE_ID_LENGTH);
        edge->epoch = word->epoch;
        edge->is_dead = word->is_dead;
        table_insert(&roll->edges, &edge->link, span_of(edge->id, EDGE_ID_LENGTH));
        return;
    }
    edge = TABLE_ENTRY(link, struct roll_edge, link);
    if (word->epoch > edge->epoch || (word->epoch == edge->epoch && word->is_dead)) {
        edge->epoch = word->epoch;
        edge->is_dead = word->is_dead;
    }
}

/* From scratch each time: edges come and go rarely, and so no word can linger in the view. */
static void merge_all(struct roll *roll)
{
    clear_view(roll);
    LIST_FOR_EACH(&roll->routers, router_link) {
        const struct roll_router *router = LIST_ENTRY(router_link, struct roll_router, link);
        for (size_t i = 0; i < router->count; i++)
            merge_word(roll, &router->words[i]);
    }
    for (const struct roll_edge *edge = roll_first(roll); edge; edge = roll_next(roll, edge))
        roll->live_count += !edge->is_dead;
}

static bool has_live_edge(const struct roll *roll, const struct roll_router *router)
{
    for (size_t i = 0; i < router->count; i++) {
        struct span id = span_of(router->words[i].id, EDGE_ID_LENGTH);
        if (!router->words[i].is_dead && roll_standing(roll, id) == ROLL_LIVE)
            return true;
    }
    return false;
}

static void drop_old_routers(struct roll *roll, int64_t now_ms)
{
    LIST_FOR_EACH(&roll->routers, link) {
        struct roll_router *router = LIST_ENTRY(link, struct roll_router, link);
        if (now_ms - router->heard_ms > ROLL_KEEP_MS && !has_live_edge(roll, router))
            free_router(router);
    }
}

bool roll_update(struct roll *roll, const struct message_roll *message, int64_t now_ms)
{
    struct roll_router *router = find_router(roll, message->router);

    if (router && message->version <= router->version) {
        router->heard_ms = now_ms;
        return false;
    }
    if (!router)
        router = add_router(roll, message->router);
    router->version = message->version;
    router->heard_ms = now_ms;
    replace_words(router, message);
    merge_all(roll);
    drop_old_routers(roll, now_ms);
    return true;
}

static const struct roll_edge *find_edge(const struct roll *roll, struct span id)
{
    struct table_link *link = table_find(&roll->edges, id);
    return link ? TABLE_ENTRY(link, struct roll_edge, link) : NULL;
}

enum roll_standing roll_standing(const struct roll *roll, struct span id)
{
    const struct roll_edge *edge = find_edge(roll, id);
    if (!edge)
        return ROLL_UNKNOWN;
    return edge->is_dead ? ROLL_DEAD : ROLL_LIVE;
}

uint64_t roll_epoch(const struct roll *roll, struct span id)
{
    const struct roll_edge *edge = find_edge(roll, id);
    return edge ? edge->epoch : 0;
}

size_t roll_router_count(const struct roll *roll)
{
    size_t count = 0;
    LIST_FOR_EACH(&roll->routers, link) {
        count += !span_is(router_name(LIST_ENTRY(link, struct roll_router, link)), ROLL_DATABASE);
    }
    return count;
}

uint64_t roll_version(const struct roll *roll)
{
    uint64_t highest = 0;
    LIST_FOR_EACH(&roll->routers, link) {
        const struct roll_router *router = LIST_ENTRY(link, struct roll_router, link);
        if (router->version > highest && !span_is(router_name(router), ROLL_DATABASE))
            highest = router->version;
    }
    return highest;
}

bool roll_has_router(const struct roll *roll, struct span name)
{
    return find_router(roll, name) != NULL;
}

const struct roll_edge *roll_first(const struct roll *roll)
{
    struct table_link *link = table_first(&roll->edges);
    return link ? TABLE_ENTRY(link, struct roll_edge, link) : NULL;
}

const struct roll_edge *roll_next(const struct roll *roll, const struct roll_edge *edge)
{
    struct table_link *link = table_next(&roll->edges, &edge->link);
    return link ? TABLE_ENTRY(link, struct roll_edge, link) : NULL;
}
