/* Which router replays which letter (replay.h): all of it is in PostgreSQL, looked at with every
 * beat. */
#include <stdlib.h>

#include "common/database/array.h"
#include "common/process/log.h"
#include "router/queries.h"
#include "router/replay.h"
#include "router/router.h"

enum { LOOKS_PER_TIMEOUT = 4, LOOKS_PER_COUNT = 8 };
enum { ANSWER_CLAIMED = 0, ANSWER_CLAIMANTS };

/* Another router that holds claims. */
struct claimant {
    struct table_link by_name;
    int64_t beat;
    int64_t since_ms; /* when the beat last changed */
    bool was_seen;    /* in the answer that is being read */
    size_t name_length;
    char name[];
};

static void on_timer(struct loop_timer *timer);

void replays_init(struct replays *replays)
{
    table_init(&replays->by_id);
    table_init(&replays->claimants);
    list_init(&replays->queued);
    list_init(&replays->recording);
    replays->record_not_before_ms = 0;
    replays->is_failing = false;
    loop_timer_init(&replays->timer, on_timer);
}

/* ---- claims of routers that are gone ---- */

static void forget_claimant(struct replays *replays, struct claimant *claimant)
{
    table_remove(&replays->claimants, &claimant->by_name);
    free(claimant);
}

void replay_claimants_forget(struct replays *replays)
{
    TABLE_FOR_EACH(&replays->claimants, link)
        forget_claimant(replays, TABLE_ENTRY(link, struct claimant, by_name));
}

static struct claimant *find_claimant(struct router *router, struct span name, int64_t beat)
{
    struct table *claimants = &router->replays.claimants;
    struct table_link *link = table_find(claimants, name);

    if (link)
        return TABLE_ENTRY(link, struct claimant, by_name);
    struct claimant *claimant = xcalloc(1, sizeof *claimant + name.length);
    memcpy(claimant->name, name.data, name.length);
    claimant->name_length = name.length;
    claimant->beat = beat;
    claimant->since_ms = loop_now_ms(router->loop);
    table_insert(claimants, &claimant->by_name, span_of(claimant->name, claimant->name_length));
    return claimant;
}

static void on_released(void *context, const struct database_answer *answer)
{
    (void)context;
    if (answer->kind == DATABASE_DONE && database_affected(answer, 0) > 0)
        log_info("replays of a lost router taken over",
                 LOG_UINT("letters", database_affected(answer, 0)));
}

/* Has no effect when it beats after all. What is released is claimed by the next look, by whoever
 * looks first. */
static void release(struct router *router, struct claimant *claimant)
{
    char beat[DATABASE_NUMBER_SIZE];
    const struct database_value values[] = {
        database_text(span_of(claimant->name, claimant->name_length)),
        database_integer(claimant->beat, beat),
    };

    claimant->since_ms = loop_now_ms(router->loop); /* once, and again after as long again */
    if (database_query(router->store.database, &query_replay_release, values, ARRAY_LENGTH(values),
                       on_released, router, NULL) < 0)
        log_debug("claims not released");
}

static void watch(struct router *router, struct span name, int64_t beat)
{
    struct claimant *claimant = find_claimant(router, name, beat);
    int64_t now_ms = loop_now_ms(router->loop);

    claimant->was_seen = true;
    if (claimant->beat != beat) {
        claimant->beat = beat;
        claimant->since_ms = now_ms;
    } else if (now_ms - claimant->since_ms >= 2 * router->config->peer_timeout_ms) {
        release(router, claimant);
    }
}

static void watch_claimants(struct router *router, const struct database_answer *answer)
{
    struct replays *replays = &router->replays;

    for (size_t row = 0; row < database_rows(answer, ANSWER_CLAIMANTS); row++)
        watch(router, database_cell(answer, ANSWER_CLAIMANTS, row, 0),
              database_cell_integer(answer, ANSWER_CLAIMANTS, row, 1, 0));
    TABLE_FOR_EACH(&replays->claimants, link) {
        struct claimant *claimant = TABLE_ENTRY(link, struct claimant, by_name);
        if (claimant->was_seen)
            claimant->was_seen = false;
        else
            forget_claimant(replays, claimant);
    }
}

/* ---- the look ---- */

static void on_looked(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct router *router = context;

    router->replays.unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        if (answer->kind != DATABASE_LOST)
            log_limited(&limit, LOG_LEVEL_WARNING, "no look for replays: they do not begin",
                        LOG_TEXT("error", answer->message));
        return;
    }
    for (size_t row = 0; row < database_rows(answer, ANSWER_CLAIMED); row++)
        replay_begin(router, answer, row);
    watch_claimants(router, answer);
}

/* What an answer that did not reach us had claimed is claimed again: ours, and not in memory. */
static void look(struct router *router)
{
    struct replays *replays = &router->replays;
    struct database_array held = {0};
    char room[DATABASE_NUMBER_SIZE];

    TABLE_FOR_EACH(&replays->by_id, link)
        database_array_add_integer(&held, TABLE_ENTRY(link, struct replay, by_id)->id);
    const struct database_value values[] = {
        database_text(span_text(router->name)),
        database_array_value(&held),
        database_integer(REPLAYS_MAX - (int64_t)replays->by_id.count, room),
    };
    struct database_unit *unit = database_unit_new(on_looked, router);
    struct database_unit *sent = unit;
    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &query_replay_claim, values, ARRAY_LENGTH(values));
    database_unit_add(unit, &query_replay_claimants, values, 1);
    if (database_submit(router->store.database, &unit) == 0)
        replays->unit = sent;
    database_unit_destroy(&unit);
    database_array_fini(&held);
}

/* ---- how many wait, for the metric: by itself, and not so often ---- */

static void on_counted(void *context, const struct database_answer *answer)
{
    struct router *router = context;

    if (answer->kind == DATABASE_DONE)
        router->replays.waiting = database_cell_integer(answer, 0, 0, 0, 0);
}

static void count_waiting(struct router *router)
{
    if (router->replays.looks++ % LOOKS_PER_COUNT == 0 &&
        database_query(router->store.database, &query_dead_letters_waiting, NULL, 0, on_counted,
                       router, NULL) < 0)
        log_debug("dead letters not counted: PostgreSQL is behind");
}

static void on_timer(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, replays.timer);

    if (!store_is_ready(router) || router->is_draining)
        return;
    if (!router->replays.unit)
        look(router);
    count_waiting(router);
    loop_timer_start(router->loop, timer, router->config->peer_timeout_ms / LOOKS_PER_TIMEOUT);
}

/* How long a beat stood still while we could not look, nobody knows. */
void replays_on_database_ready(struct router *router)
{
    replay_claimants_forget(&router->replays);
    replays_go_on(router);
    loop_timer_start(router->loop, &router->replays.timer, 0);
}
