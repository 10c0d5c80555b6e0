#include "router/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "common/wire/report.h"
#include "router/connection.h"
#include "router/death.h"
#include "router/drain.h"
#include "router/fact.h"

enum { TICKS_PER_TIMEOUT = 20, ROLL_PATIENCE_MS = 1000 };

static const char role_edge[] = "edge";

/* ---- messages ---- */

typedef void handler(struct router *router, struct link *link, const struct wire_message *message);

static handler *const edge_handlers[] = {
    [MESSAGE_ADOPT] = edge_on_adopt,
    [MESSAGE_BATCH] = fact_on_batch,
    [MESSAGE_OPENED] = fact_on_opened,
    [MESSAGE_SUBSCRIBED] = fact_on_subscribed,
    [MESSAGE_UNSUBSCRIBED] = fact_on_unsubscribed,
    [MESSAGE_METADATA] = fact_on_metadata,
    [MESSAGE_PAGE] = reconcile_on_page,
    [MESSAGE_LEAVING] = edge_on_leaving,
    [MESSAGE_ID_LIMIT - 1] = NULL,
};

static void on_measure(struct router *router, struct link *link, const struct wire_message *message)
{
    router_measure(router);
    report_put(link_packet(link), PROGRAM_ROUTER, span_text(router->name), &message->as.measure,
               (struct record_peer_list){0});
}

static handler *const worker_handlers[] = {
    [MESSAGE_READY] = worker_on_ready,
    [MESSAGE_DONE] = dispatch_on_done,
    [MESSAGE_MEASURE] = on_measure,
    [MESSAGE_ID_LIMIT - 1] = NULL,
};

static_assert(ARRAY_LENGTH(edge_handlers) == MESSAGE_ID_LIMIT &&
                  ARRAY_LENGTH(worker_handlers) == MESSAGE_ID_LIMIT,
              "a handler for each id");

static bool is_edge(const struct link *link)
{
    return span_is(link_peer_role(link), role_edge);
}

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    static struct log_limit limit;
    handler *handle = is_edge(link) ? edge_handlers[message->id] : worker_handlers[message->id];

    if (handle)
        handle(context, link, message);
    else
        log_limited(&limit, LOG_LEVEL_INFO, "message ignored",
                    LOG_TEXT("message", message_name(message->id)),
                    LOG_SPAN("peer", link_peer_name(link)));
}

/* ---- links ---- */

static void on_up(void *context, struct link *link)
{
    struct router *router = context;

    lifecycle_ready(router->lifecycle);
    if (!is_edge(link))
        worker_on_up(router, link);
}

static void on_down(void *context, struct link *link)
{
    if (is_edge(link))
        edge_on_down(context, link);
    else
        worker_on_down(context, link);
}

static void on_received(void *context, struct link *link)
{
    if (is_edge(link))
        edge_on_received(context, link);
    else
        worker_on_received(context, link);
}

/* A silent edge is judged (death.h); a worker takes us for dead, and drops our jobs, as we take it.
 */
static void on_silent(void *context, struct link *link)
{
    (void)context;
    if (!is_edge(link))
        link_drop(link);
}

static int bind_links(struct router *router)
{
    const struct config *config = router->config;
    const struct link_options options = {
        .role = "router",
        .stack = config->stack_name,
        .name = router->name,
        .heartbeat_ms = config->heartbeat_ms,
        .peer_timeout_ms = config->peer_timeout_ms,
        .buffer_bytes = config->link_buffer_bytes,
        .handlers = {.on_up = on_up,
                     .on_down = on_down,
                     .on_message = on_message,
                     .on_received = on_received,
                     .on_silent = on_silent},
        .context = router,
    };
    struct buffer endpoint = {0};
    char address[ADDRESS_TEXT_SIZE];

    address_format(&config->router_listen, address);
    buffer_append_format(&endpoint, "tcp://%s%c", address, '\0');
    int error = link_set_bind(router->loop, &options, endpoint.data, NULL, "edge,webhook-worker",
                              &router->links);
    if (error < 0)
        log_error("cannot listen", LOG_TEXT("address", address), LOG_ERRNO(error));
    else
        log_info("listening", LOG_TEXT("endpoint", link_set_endpoint(router->links)));
    buffer_fini(&endpoint);
    return error;
}

/* ---- time ---- */

static void tick_edges(struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link)
        edge_tick(TABLE_ENTRY(link, struct edge, by_id));
}

static void on_tick(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, tick);

    loop_timer_start(router->loop, timer, router->config->peer_timeout_ms / TICKS_PER_TIMEOUT);
    if (!router->roll.is_known &&
        loop_now_ms(router->loop) - router->started_ms > ROLL_PATIENCE_MS &&
        orphans_are_hidden(router))
        roll_known(router);
    dispatch_expire_opens(router);
    death_check(router); /* first: a question that fails, and is asked again, keeps no judge away */
    tick_edges(router);
    dead_letters_go_on(router);
    replays_go_on(router);
    roll_expire(router);
}

/* ---- the life of the actor ---- */

int router_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor)
{
    struct router *router = xcalloc(1, sizeof *router);

    router->lifecycle = lifecycle;
    router->loop = loop;
    router->config = config;
    router->started_ms = loop_now_ms(loop);
    random_text(router->name, ROUTER_NAME_LENGTH);
    log_set_id(router->name);
    table_init(&router->edges);
    table_init(&router->connections);
    worker_pool_init(&router->workers);
    dispatch_init(&router->dispatch, config->webhook_batch_connections);
    roll_init(&router->roll);
    projection_init(&router->projection);
    dead_letters_init(&router->dead_letters);
    replays_init(&router->replays);
    retention_init(&router->retention);
    orphans_init(&router->orphans);
    drain_init(router);
    loop_timer_init(&router->tick, on_tick);
    loop_timer_start(loop, &router->tick, 0);
    int error = store_open(router);
    if (error == 0)
        error = bind_links(router);
    void *actor = router;
    if (error < 0)
        router_destroy(&actor);
    else
        *ret_actor = actor;
    return error;
}

static void destroy_edges(struct router *router)
{
    TABLE_FOR_EACH(&router->edges, link) {
        struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        edge_destroy(&edge);
    }
}

void router_destroy(void **actor)
{
    struct router *router = *actor;

    *actor = NULL;
    if (!router)
        return;
    store_close(router);
    destroy_edges(router);
    replays_fini(router);
    retention_fini(router);
    LIST_FOR_EACH(&router->workers.workers, link)
        dispatch_take_back(router, LIST_ENTRY(link, struct worker, of_pool));
    link_set_destroy(&router->links);
    worker_pool_fini(&router->workers);
    dispatch_fini(&router->dispatch);
    roll_fini(&router->roll);
    orphans_fini(&router->orphans);
    drain_fini(router);
    loop_timer_stop(router->loop, &router->tick);
    loop_timer_stop(router->loop, &router->projection.timer);
    loop_timer_stop(router->loop, &router->orphans.timer);
    table_fini(&router->connections);
    table_fini(&router->edges);
    free(router);
}

/* ---- what operators see ---- */

void router_check_ready(void *actor, struct readiness *readiness)
{
    const struct router *router = actor;

    if (router->workers.count == 0)
        readiness_add(readiness, "no webhook-worker");
    if (!store_is_ready(router)) {
        char note[sizeof router->store.reason + 32];
        snprintf(note, sizeof note, "without PostgreSQL: %s", store_reason(router));
        readiness_note(readiness, note);
    } else if (router->orphans.failure[0]) {
        char note[sizeof router->orphans.failure + 32];
        snprintf(note, sizeof note, "no scan for orphans: %s", router->orphans.failure);
        readiness_note(readiness, note);
    }
    dead_letters_check_ready(router, readiness);
    replays_check_ready(router, readiness);
}

static size_t count_open(const struct router *router, size_t *ret_edges)
{
    size_t connections = 0;

    *ret_edges = 0;
    TABLE_FOR_EACH(&router->edges, link) {
        const struct edge *edge = TABLE_ENTRY(link, struct edge, by_id);
        *ret_edges += !edge_is_gone(edge);
        connections += edge->connection_count;
    }
    return connections;
}

void router_measure(void *actor)
{
    const struct router *router = actor;
    const struct dispatch *dispatch = &router->dispatch;
    const struct projection *projection = &router->projection;
    size_t edges;

    metric_set(METRIC_CONNECTIONS, (int64_t)count_open(router, &edges));
    metric_set(METRIC_EDGES_LIVE, (int64_t)edges);
    metric_set(METRIC_JOBS_WAITING, (int64_t)dispatch->waiting);
    metric_set(METRIC_JOBS_RETRYING, (int64_t)dispatch->retrying);
    metric_set(METRIC_JOBS_IN_FLIGHT, (int64_t)dispatch->jobs.count);
    metric_set(METRIC_CREDITS, (int64_t)worker_pool_credits(&router->workers));
    metric_set(METRIC_BATCHES_HELD, (int64_t)router->held_batches);
    metric_set(METRIC_BATCHES_HELD_BYTES, (int64_t)router->held_bytes);
    metric_set(METRIC_DEAD_LETTERS_WAITING, router->replays.waiting);
    metric_set(METRIC_ROLL_VERSION, (int64_t)router->roll.version);
    metric_set(METRIC_ROWS_PENDING, (int64_t)projection->changes);
    metric_set(METRIC_PROJECTION_LAG, 1000 * projection_lag_ms(router));
    link_set_measure(router->links, LABEL_PEER_UNKNOWN);
}
