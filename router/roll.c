#include "router/roll.h"

#include <stdlib.h>

#include "router/edge.h"
#include "router/router.h"

struct dead_edge {
    struct table_link by_id;
    struct list in_order;
    uint64_t epoch;
    int64_t ended_ms;
    size_t id_length;
    char id[];
};

static void on_turn(struct loop_deferred *deferred)
{
    struct router *router = CONTAINER_OF(deferred, struct router, roll.turn);

    LIST_FOR_EACH(&router->workers.workers, link)
        roll_send(router, LIST_ENTRY(link, struct worker, of_pool)->link);
}

void roll_init(struct roll *roll)
{
    roll->version = 1;
    table_init(&roll->dead);
    list_init(&roll->dead_in_order);
    loop_deferred_init(&roll->turn, on_turn);
}

static void forget(struct roll *roll, struct dead_edge *dead)
{
    table_remove(&roll->dead, &dead->by_id);
    list_remove(&dead->in_order);
    free(dead);
}

void roll_fini(struct roll *roll)
{
    loop_undefer(&roll->turn);
    LIST_FOR_EACH(&roll->dead_in_order, link)
        forget(roll, LIST_ENTRY(link, struct dead_edge, in_order));
    table_fini(&roll->dead);
}

void roll_changed(struct router *router)
{
    router->roll.version++;
    if (router->roll.is_known)
        loop_defer(router->loop, &router->roll.turn);
}

void roll_known(struct router *router)
{
    if (router->roll.is_known)
        return;
    router->roll.is_known = true;
    roll_changed(router);
}

/* ---- sending ---- */

static bool is_on_roll(const struct edge *edge)
{
    return edge->state == EDGE_LIVE || edge->state == EDGE_JUDGED ||
           (edge->state == EDGE_ADOPTING && edge->is_known_live);
}

static size_t list_live(const struct router *router, struct record_roll_entry *entries)
{
    size_t count = 0;

    TABLE_FOR_EACH(&router->edges, link) {
        const struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        if (is_on_roll(edge))
            entries[count++] =
                (struct record_roll_entry){.edge = edge_id(edge), .epoch = edge->epoch};
    }
    TABLE_FOR_EACH(&router->orphans.suspects, link) {
        const struct suspect *suspect = TABLE_ENTRY(link, struct suspect, by_id);
        struct span id = span_of(suspect->id, suspect->id_length);
        if (suspect->is_live && !suspect->has_moved && !edge_find(router, id))
            entries[count++] = (struct record_roll_entry){.edge = id, .epoch = suspect->epoch};
    }
    return count;
}

static size_t list_dead(const struct roll *roll, struct record_roll_entry *entries)
{
    size_t count = 0;

    LIST_FOR_EACH(&roll->dead_in_order, link) {
        const struct dead_edge *dead = LIST_ENTRY(link, struct dead_edge, in_order);
        entries[count++] = (struct record_roll_entry){.edge = span_of(dead->id, dead->id_length),
                                                      .epoch = dead->epoch};
    }
    return count;
}

void roll_send(struct router *router, struct link *worker)
{
    const struct roll *roll = &router->roll;
    size_t most = router->edges.count + router->orphans.suspects.count + roll->dead.count;

    if (!roll->is_known)
        return;
    struct record_roll_entry *entries = xcalloc(most + 1, sizeof *entries);
    size_t live = list_live(router, entries);
    size_t dead = list_dead(roll, entries + live);

    wire_put_roll(link_packet(worker),
                  &(struct message_roll){.router = span_text(router->name),
                                         .version = roll->version,
                                         .live = {.items = entries, .count = live},
                                         .dead = {.items = entries + live, .count = dead}});
    free(entries);
}

/* ---- the dead ---- */

void roll_bury(struct router *router, struct span edge_id, uint64_t epoch)
{
    struct roll *roll = &router->roll;
    struct table_link *found = table_find(&roll->dead, edge_id);

    if (found) {
        TABLE_ENTRY(found, struct dead_edge, by_id)->epoch = epoch;
        return;
    }
    struct dead_edge *dead = xcalloc(1, sizeof *dead + edge_id.length);
    dead->epoch = epoch;
    dead->ended_ms = loop_now_ms(router->loop);
    dead->id_length = edge_id.length;
    memcpy(dead->id, edge_id.data, edge_id.length);
    list_append(&roll->dead_in_order, &dead->in_order);
    table_insert(&roll->dead, &dead->by_id, span_of(dead->id, dead->id_length));
    roll_changed(router);
}

bool roll_is_dead(const struct router *router, struct span edge_id)
{
    return table_find(&router->roll.dead, edge_id) != NULL;
}

void roll_expire(struct router *router)
{
    struct roll *roll = &router->roll;

    LIST_FOR_EACH(&roll->dead_in_order, link) {
        struct dead_edge *dead = LIST_ENTRY(link, struct dead_edge, in_order);
        if (loop_now_ms(router->loop) - dead->ended_ms < ROLL_KEEP_MS)
            break;
        forget(roll, dead);
        roll_changed(router);
    }
}
