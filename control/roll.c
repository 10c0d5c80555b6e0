#include "control/roll.h"

#include <stdlib.h>

struct roll_word {
    char id[EDGE_ID_LENGTH];
    uint64_t epoch;
    bool is_dead;
};

/* One of the dead that are not in any router's list here. */
struct roll_dead {
    struct table_link link;
    struct list in_order;
    struct roll_word word;
    int64_t named_ms; /* last */
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
    *roll = (struct roll){.router_count = 0};
    list_init(&roll->routers);
    list_init(&roll->dead_order);
    table_init(&roll->dead);
    table_init(&roll->edges);
}

static void free_router(struct roll *roll, struct roll_router *router)
{
    list_remove(&router->link);
    roll->router_count--;
    free(router->words);
    free(router);
}

static void free_dead(struct roll *roll, struct roll_dead *dead)
{
    list_remove(&dead->in_order);
    table_remove(&roll->dead, &dead->link);
    free(dead);
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
        free_router(roll, LIST_ENTRY(link, struct roll_router, link));
    }
    LIST_FOR_EACH(&roll->dead_order, link) {
        free_dead(roll, LIST_ENTRY(link, struct roll_dead, in_order));
    }
    table_fini(&roll->dead);
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

    list_init(&router->link);
    router->name_length = min_size(name.length, sizeof router->name);
    memcpy(router->name, name.data, router->name_length);
    roll->router_count++;
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
    LIST_FOR_EACH(&roll->dead_order, link) {
        merge_word(roll, &LIST_ENTRY(link, struct roll_dead, in_order)->word);
    }
    LIST_FOR_EACH(&roll->routers, router_link) {
        const struct roll_router *router = LIST_ENTRY(router_link, struct roll_router, link);
        for (size_t i = 0; i < router->count; i++)
            merge_word(roll, &router->words[i]);
    }
    for (const struct roll_edge *edge = roll_first(roll); edge; edge = roll_next(roll, edge))
        roll->live_count += !edge->is_dead;
}

/* Is an edge live by its word? One that another has adopted since is not. */
static bool has_live_edge(const struct roll *roll, const struct roll_router *router)
{
    for (size_t i = 0; i < router->count; i++) {
        const struct roll_word *word = &router->words[i];
        struct span id = span_of(word->id, EDGE_ID_LENGTH);
        if (!word->is_dead && roll_standing(roll, id) == ROLL_LIVE &&
            roll_epoch(roll, id) == word->epoch)
            return true;
    }
    return false;
}

/* What was named then belongs before this link: an old list may be taken after younger ones. */
static struct list *place_in_order(struct roll *roll, int64_t named_ms)
{
    struct list *place = &roll->dead_order;

    while (place->previous != &roll->dead_order &&
           LIST_ENTRY(place->previous, struct roll_dead, in_order)->named_ms > named_ms)
        place = place->previous;
    return place;
}

static struct roll_dead *get_dead(struct roll *roll, const struct roll_word *word)
{
    struct table_link *link = table_find(&roll->dead, span_of(word->id, EDGE_ID_LENGTH));
    if (link)
        return TABLE_ENTRY(link, struct roll_dead, link);

    struct roll_dead *dead = xcalloc(1, sizeof *dead);
    dead->word = *word;
    dead->named_ms = INT64_MIN;
    list_init(&dead->in_order);
    table_insert(&roll->dead, &dead->link, span_of(dead->word.id, EDGE_ID_LENGTH));
    return dead;
}

/* `place` is that of `named_ms`, and stays it: only what was named before is moved, and the first
 * in order is never the one at `place` when there is one too many. */
static void name_dead(struct roll *roll, const struct roll_word *word, int64_t named_ms,
                      struct list *place)
{
    struct roll_dead *dead = get_dead(roll, word);

    if (word->epoch > dead->word.epoch)
        dead->word.epoch = word->epoch;
    if (named_ms <= dead->named_ms)
        return;
    dead->named_ms = named_ms;
    list_remove(&dead->in_order);
    list_append(place, &dead->in_order);
    if (roll->dead.count > ROLL_DEAD_MAX)
        free_dead(roll, LIST_ENTRY(roll->dead_order.next, struct roll_dead, in_order));
}

/* Its live words, if it has any, were contradicted: they count no more. */
static void take_words(struct roll *roll, struct roll_router *router)
{
    if (router->count == 0)
        return;
    struct list *place = place_in_order(roll, router->heard_ms);
    for (size_t i = 0; i < router->count; i++)
        if (router->words[i].is_dead)
            name_dead(roll, &router->words[i], router->heard_ms, place);
    free(router->words);
    router->words = NULL;
    router->count = 0;
}

/* The table says all that it knows each time, under one name: nothing piles up. */
static bool is_table(const struct roll_router *router)
{
    return span_is(router_name(router), ROLL_DATABASE);
}

/* Nothing of the merged view changes by it: it has been made anew just now. */
static void tidy(struct roll *roll, int64_t now_ms)
{
    LIST_FOR_EACH(&roll->routers, link) {
        struct roll_router *router = LIST_ENTRY(link, struct roll_router, link);
        if (is_table(router) || has_live_edge(roll, router))
            continue;
        take_words(roll, router);
        if (now_ms - router->heard_ms > ROLL_KEEP_MS || roll->router_count > ROLL_ROUTERS_MAX)
            free_router(roll, router);
    }
    LIST_FOR_EACH(&roll->dead_order, link) {
        struct roll_dead *dead = LIST_ENTRY(link, struct roll_dead, in_order);
        if (now_ms - dead->named_ms <= ROLL_KEEP_MS)
            break;
        free_dead(roll, dead);
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
    list_remove(&router->link);
    list_append(&roll->routers, &router->link);
    replace_words(router, message);
    merge_all(roll);
    tidy(roll, now_ms);
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
        count += !is_table(LIST_ENTRY(link, struct roll_router, link));
    }
    return count;
}

uint64_t roll_version(const struct roll *roll)
{
    uint64_t highest = 0;
    LIST_FOR_EACH(&roll->routers, link) {
        const struct roll_router *router = LIST_ENTRY(link, struct roll_router, link);
        if (router->version > highest && !is_table(router))
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
