#include "webhook-worker/routers.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "webhook-worker/worker.h"

void routers_init(struct routers *routers, void (*on_ready)(struct loop_deferred *deferred))
{
    list_init(&routers->peers);
    loop_deferred_init(&routers->ready, on_ready);
}

uint64_t routers_credits(uint64_t concurrency, size_t waiting, uint64_t told)
{
    uint64_t step = concurrency < 8 ? 1 : concurrency / 8;
    uint64_t slack = concurrency < 8 ? 0 : step;
    uint64_t extra = (waiting + step - 1) / step * step;
    uint64_t credits = concurrency + (extra < concurrency ? extra : concurrency);
    return told >= credits && told - credits <= slack ? told : credits;
}

struct buffer *router_packet(struct router_peer *router)
{
    struct buffer *packet = link_packet(router->peer);
    router->last_number = link_number(router->peer);
    return packet;
}

static void say_ready(struct router_peer *router, uint64_t credits)
{
    if (router->credits == credits)
        return;
    router->credits = credits;
    wire_put_ready(router_packet(router), &(struct message_ready){.credits = credits});
}

void routers_ready(struct worker *worker)
{
    uint64_t concurrency = worker->config->webhook_concurrency;
    LIST_FOR_EACH(&worker->routers.peers, link) {
        struct router_peer *router = LIST_ENTRY(link, struct router_peer, link);
        uint64_t credits = routers_credits(concurrency, router->waiting, router->credits);
        say_ready(router, worker->is_draining ? 0 : credits);
    }
}

void routers_ready_later(struct worker *worker)
{
    loop_defer(worker->loop, &worker->routers.ready);
}

void routers_measure(struct routers *routers, const struct message_measure *measure)
{
    LIST_FOR_EACH(&routers->peers, link)
        wire_put_measure(link_packet(LIST_ENTRY(link, struct router_peer, link)->peer), measure);
}

bool routers_have_received(const struct routers *routers)
{
    LIST_FOR_EACH(&routers->peers, link) {
        const struct router_peer *router = LIST_ENTRY(link, struct router_peer, link);
        if (link_received(router->peer) < router->last_number)
            return false;
    }
    return true;
}

void routers_abort_jobs(struct routers *routers)
{
    LIST_FOR_EACH(&routers->peers, link) {
        struct router_peer *router = LIST_ENTRY(link, struct router_peer, link);
        while (!list_is_empty(&router->jobs))
            job_finish(LIST_FIRST(&router->jobs, struct job, of_router), JOB_ABORTED, 0, 0,
                       "the worker is leaving");
    }
}

uint64_t routers_free_credits(const struct routers *routers)
{
    uint64_t free_credits = 0;
    LIST_FOR_EACH(&routers->peers, link) {
        const struct router_peer *router = LIST_ENTRY(link, struct router_peer, link);
        if (router->credits > router->job_count)
            free_credits += router->credits - router->job_count;
    }
    return free_credits;
}

static void on_up(void *context, struct link *peer)
{
    struct worker *worker = context;
    struct router_peer *router = xcalloc(1, sizeof(*router));
    router->peer = peer;
    list_init(&router->jobs);
    list_append(&worker->routers.peers, &router->link);
    worker->routers.count++;
    link_set_data(peer, router);
    log_info("router up", LOG_SPAN("router", link_peer_name(peer)));
    routers_ready(worker);
    worker_check_serving(worker);
}

static void router_destroy(struct routers *routers, struct router_peer *router)
{
    while (!list_is_empty(&router->jobs)) {
        struct job *job = LIST_FIRST(&router->jobs, struct job, of_router);
        job_destroy(&job);
    }
    list_remove(&router->link);
    routers->count--;
    free(router);
}

void routers_fini(struct routers *routers)
{
    while (!list_is_empty(&routers->peers))
        router_destroy(routers, LIST_FIRST(&routers->peers, struct router_peer, link));
    loop_undefer(&routers->ready);
}

static void on_down(void *context, struct link *peer)
{
    struct worker *worker = context;
    struct router_peer *router = link_data(peer);
    worker_log_down("router down", peer, router->job_count);
    rolls_router_down(&worker->rolls, link_peer_name(peer), loop_now_ms(worker->loop));
    link_set_data(peer, NULL);
    router_destroy(&worker->routers, router);
    jobs_start(worker);
    worker_check_drained(worker);
}

static void on_job(struct worker *worker, struct router_peer *router,
                   const struct wire_message *message)
{
    job_take(worker, router, &message->as.job);
}

static void on_roll(struct worker *worker, struct router_peer *router,
                    const struct wire_message *message)
{
    (void)router;
    struct span encoded = rolls_take(&worker->rolls, &message->as.roll, loop_now_ms(worker->loop));
    if (encoded.length > 0)
        controls_pass_on(&worker->controls, encoded);
}

static void on_report(struct worker *worker, struct router_peer *router,
                      const struct wire_message *message)
{
    (void)router;
    controls_report(&worker->controls, &message->as.report);
}

static void (*const handlers[MESSAGE_ID_LIMIT])(struct worker *worker, struct router_peer *router,
                                                const struct wire_message *message) = {
    [MESSAGE_JOB] = on_job,
    [MESSAGE_ROLL] = on_roll,
    [MESSAGE_REPORT] = on_report,
};

static void on_message(void *context, struct link *peer, const struct wire_message *message)
{
    if (handlers[message->id])
        handlers[message->id](context, link_data(peer), message);
    else
        worker_ignore(message->id, peer);
}

static void on_received(void *context, struct link *peer)
{
    (void)peer;
    worker_check_drained(context);
}

const struct link_handlers routers_link_handlers = {
    .on_up = on_up,
    .on_down = on_down,
    .on_message = on_message,
    .on_received = on_received,
    .on_silent = worker_link_silent,
    .on_refused = worker_link_refused,
};
