#include "router/drain.h"

#include "common/process/log.h"
#include "router/edge.h"
#include "router/queries.h"
#include "router/router.h"

/* That a request takes long, or PostgreSQL does, is no event: somebody has to look. */
enum { LOOK_MS = DRAIN_PAUSE_MS / 20 };

int64_t router_drain_limit_ms(const struct config *config)
{
    return config->drain_ms + config->peer_timeout_ms;
}

static void go_on(struct router *router)
{
    dispatch_wake(router);
    router_check_drained(router);
}

static void on_look(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, drain_look);

    loop_timer_start(router->loop, timer, LOOK_MS);
    go_on(router);
}

void drain_init(struct router *router)
{
    loop_timer_init(&router->drain_look, on_look);
}

void drain_fini(struct router *router)
{
    loop_timer_stop(router->loop, &router->drain_look);
}

void router_drain(void *actor)
{
    struct router *router = actor;

    router->is_draining = true;
    router->drain_began_ms = loop_now_ms(router->loop);
    log_info("draining", LOG_UINT("jobs", router->dispatch.jobs.count));
    loop_timer_start(router->loop, &router->drain_look, LOOK_MS);
    go_on(router);
}

/* ---- what keeps it here ---- */

/* Batches of edges that are gone are with nobody else (LEAVING was acknowledged when it came, also
 * where an answer of PostgreSQL has to come first); their rows can only be seen to while PostgreSQL
 * is there (else the next router finds them). */
static bool has_gone_edges(const struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link) {
        const struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        bool is_gone = edge_is_gone(edge) || edge->has_said_leaving;
        if (is_gone && (edge->connection_count > 0 || store_is_ready(router)))
            return true;
    }
    return false;
}

/* What the next router could not see to. */
static bool has_own_work(const struct router *router)
{
    return has_gone_edges(router) || !replays_are_recorded(router);
}

/* The rows of the other edges are worth a moment; the next home corrects them. */
static bool are_rows_written(const struct router *router)
{
    return router->projection.changes == 0 || projection_lag_ms(router) > DRAIN_PAUSE_MS;
}

bool drain_is_pausing(const struct router *router)
{
    int64_t now_ms = loop_now_ms(router->loop);

    if (!router->is_draining)
        return false;
    if (router->has_signed_off || now_ms - router->drain_began_ms >= router->config->drain_ms)
        return true;
    return !has_own_work(router) && dispatch_longest_ms(router) < DRAIN_PAUSE_MS;
}

/* ---- the end ---- */

/* The next beat puts the router's row back. */
static void sign_on_again(struct router *router)
{
    log_info("an edge has gone meanwhile: draining goes on");
    router->has_signed_off = false;
    loop_timer_start(router->loop, &router->orphans.timer, 0);
    go_on(router);
}

/* Until here messages were taken and acknowledged, the last ones of an edge among them. */
static void on_signed_off(void *context, const struct database_answer *answer)
{
    struct router *router = context;

    (void)answer;
    if (has_own_work(router))
        sign_on_again(router);
    else
        lifecycle_stopped(router->lifecycle);
}

/* The sign-off is the last in the pipeline: when it is answered, everything before it is written.
 */
static void sign_off(struct router *router)
{
    const struct database_value name = database_text(span_text(router->name));

    struct database_unit *unit = database_unit_new(on_signed_off, router);

    router->has_signed_off = true;
    loop_timer_stop(router->loop, &router->orphans.timer);
    database_unit_add(unit, &query_replay_give_back, &name, 1);
    database_unit_add(unit, &query_sign_off, &name, 1);
    if (!store_is_ready(router) || database_submit(router->store.database, &unit) < 0)
        lifecycle_stopped(router->lifecycle);
    database_unit_destroy(&unit);
}

void router_check_drained(struct router *router)
{
    if (router->is_draining && !router->has_signed_off && router->dispatch.jobs.count == 0 &&
        are_rows_written(router) && !has_own_work(router))
        sign_off(router);
}
