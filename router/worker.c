#include "router/worker.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "router/router.h"

void worker_pool_init(struct worker_pool *pool)
{
    list_init(&pool->workers);
    pool->count = 0;
}

static void worker_free(struct worker_pool *pool, struct worker *worker)
{
    ASSERT(list_is_empty(&worker->jobs));
    list_remove(&worker->of_pool);
    pool->count--;
    free(worker);
}

void worker_pool_fini(struct worker_pool *pool)
{
    LIST_FOR_EACH(&pool->workers, link)
        worker_free(pool, LIST_ENTRY(link, struct worker, of_pool));
}

static uint64_t free_credits(const struct worker *worker)
{
    return worker->credits > worker->in_flight ? worker->credits - worker->in_flight : 0;
}

/* By the share of its credits that is used: their number differs from worker to worker and from
 * moment to moment, and whoever has a few less would never get a job while there is little to do.
 */
static bool is_less_loaded(const struct worker *worker, const struct worker *other)
{
    return worker->in_flight * other->credits < other->in_flight * worker->credits;
}

struct worker *worker_pool_pick(const struct worker_pool *pool)
{
    struct worker *best = NULL;

    LIST_FOR_EACH(&pool->workers, link) {
        struct worker *worker = LIST_ENTRY(link, struct worker, of_pool);
        if (free_credits(worker) == 0 || link_is_full(worker->link))
            continue;
        if (!best || is_less_loaded(worker, best))
            best = worker;
    }
    return best;
}

void worker_pool_used(struct worker_pool *pool, struct worker *worker)
{
    worker->in_flight++;
    list_remove(&worker->of_pool);
    list_append(&pool->workers, &worker->of_pool);
}

uint64_t worker_pool_credits(const struct worker_pool *pool)
{
    uint64_t sum = 0;

    LIST_FOR_EACH(&pool->workers, link)
        sum += free_credits(LIST_ENTRY(link, struct worker, of_pool));
    return sum;
}

void worker_on_up(struct router *router, struct link *link)
{
    struct worker *worker = xcalloc(1, sizeof *worker);

    worker->link = link;
    list_init(&worker->jobs);
    list_append(&router->workers.workers, &worker->of_pool);
    router->workers.count++;
    link_set_data(link, worker);
    log_info("worker up", LOG_SPAN("worker", link_peer_name(link)));
    roll_send(router, link);
}

void worker_on_down(struct router *router, struct link *link)
{
    struct worker *worker = link_data(link);

    if (link_end(link) == LINK_END_BYE)
        log_info("worker left", LOG_SPAN("worker", link_peer_name(link)),
                 LOG_UINT("jobs", worker->in_flight));
    else
        log_warning("worker lost", LOG_SPAN("worker", link_peer_name(link)),
                    LOG_UINT("jobs", worker->in_flight));
    link_set_data(link, NULL);
    dispatch_take_back(router, worker);
    worker_free(&router->workers, worker);
    dispatch_wake(router);
    router_check_drained(router);
}

void worker_on_received(struct router *router, struct link *link)
{
    (void)link;
    if (router->dispatch.waiting > 0 || !list_is_empty(&router->replays.queued))
        dispatch_wake(router);
}

void worker_on_ready(struct router *router, struct link *link, const struct wire_message *message)
{
    struct worker *worker = link_data(link);

    worker->credits = message->as.ready.credits;
    dispatch_wake(router);
}
