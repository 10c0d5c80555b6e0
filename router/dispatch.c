#include "router/dispatch.h"

#include <stdlib.h>

#include "common/base/random.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/drain.h"
#include "router/retry.h"
#include "router/router.h"

enum { REMAINING_MAX_MS = 86400000 };

static void on_turn(struct loop_deferred *deferred);

void dispatch_init(struct dispatch *dispatch, size_t group_limit)
{
    list_init(&dispatch->opens);
    list_init(&dispatch->events);
    table_init(&dispatch->jobs);
    dispatch->group_limit = group_limit;
    dispatch->scratch = xcalloc(group_limit, sizeof *dispatch->scratch);
    dispatch->group = xcalloc(group_limit, sizeof(struct connection *));
    loop_deferred_init(&dispatch->turn, on_turn);
}

void dispatch_fini(struct dispatch *dispatch)
{
    ASSERT(dispatch->jobs.count == 0);
    loop_undefer(&dispatch->turn);
    table_fini(&dispatch->jobs);
    free(dispatch->scratch);
    free((void *)dispatch->group);
}

void dispatch_wake(struct router *router)
{
    loop_defer(router->loop, &router->dispatch.turn);
}

/* ---- the queues ---- */

void dispatch_queue(struct connection *connection, bool in_front)
{
    struct router *router = connection->edge->router;
    struct dispatch *dispatch = &router->dispatch;
    bool is_open = connection_batch(connection)->is_open;
    struct list *queue = is_open ? &dispatch->opens : &dispatch->events;

    connection_set_phase(connection, CONNECTION_QUEUED);
    if (in_front) {
        if (!list_is_empty(queue))
            connection->stamp = LIST_ENTRY(queue->next, struct connection, place)->stamp;
        list_prepend(queue, &connection->place);
    } else {
        connection->stamp = ++dispatch->last_stamp;
        list_append(queue, &connection->place);
    }
    dispatch->waiting++;
    dispatch_wake(router);
}

int64_t dispatch_longest_ms(const struct router *router)
{
    int64_t now_ms = loop_now_ms(router->loop), oldest_ms = now_ms;

    LIST_FOR_EACH(&router->workers.workers, link) {
        const struct worker *worker = LIST_ENTRY(link, struct worker, of_pool);
        const struct job *first = LIST_FIRST(&worker->jobs, struct job, of_worker);
        if (first && first->began_ms < oldest_ms)
            oldest_ms = first->began_ms;
    }
    return now_ms - oldest_ms;
}

void dispatch_unqueue(struct connection *connection)
{
    list_remove(&connection->place);
    connection->edge->router->dispatch.waiting--;
}

/* A router that is leaving still speaks for edges that cannot speak for themselves. */
static bool may_go(const struct router *router, const struct connection *connection)
{
    return !router->dispatch.is_pausing || edge_is_gone(connection->edge);
}

static struct connection *first_of(const struct router *router, const struct list *queue)
{
    LIST_FOR_EACH(queue, link) {
        struct connection *connection = LIST_ENTRY(link, struct connection, place);
        if (may_go(router, connection))
            return connection;
    }
    return NULL;
}

static struct connection *next_connection(const struct router *router)
{
    struct connection *open = first_of(router, &router->dispatch.opens);
    struct connection *other = first_of(router, &router->dispatch.events);

    if (open && other)
        return open->stamp < other->stamp ? open : other;
    return open ? open : other;
}

/* ---- OPENs whose time is over ---- */

static bool is_too_late(const struct router *router, const struct connection *connection)
{
    const struct batch *batch = connection_batch(connection);

    return batch_is_waited_for(batch) &&
           batch_remaining_ms(batch, loop_now_ms(router->loop)) <= RETRY_OPEN_RESERVE_MS;
}

static void expire_open(struct connection *connection)
{
    const struct batch *batch = connection_batch(connection);

    connection_finish_batch(connection, batch->may_be_accepted ? ACK_UNKNOWN : ACK_REFUSED,
                            batch->was_sent ? 504 : 503);
}

void dispatch_expire_opens(struct router *router)
{
    LIST_FOR_EACH(&router->dispatch.opens, link) {
        struct connection *connection = LIST_ENTRY(link, struct connection, place);
        if (is_too_late(router, connection))
            expire_open(connection);
    }
}

/* ---- a job ---- */

/* The connections that go with the first one, itself included. A group that a lost worker had goes
 * again as it was: the origin of its commands is made of all its members, and an edge knows by it
 * which commands it has applied already. */
static size_t gather_group(struct router *router, struct connection *first)
{
    struct dispatch *dispatch = &router->dispatch;
    const struct list *queue =
        connection_batch(first)->is_open ? &dispatch->opens : &dispatch->events;
    size_t limit = first->group_limit;
    size_t bytes = 0, count = 0;

    LIST_FOR_EACH(queue, link) {
        struct connection *connection = LIST_ENTRY(link, struct connection, place);
        if (connection->group != first->group)
            continue;
        if (count == limit || connection->group_limit <= count || bytes >= DISPATCH_GROUP_BYTES)
            break;
        if (!may_go(router, connection) || (connection != first && is_too_late(router, connection)))
            continue;
        limit = min_size(limit, connection->group_limit);
        bytes += connection_batch(connection)->bytes;
        dispatch->group[count++] = connection;
    }
    return count;
}

static struct record_job_item item_of(const struct router *router,
                                      const struct connection *connection)
{
    const struct batch *batch = connection_batch(connection);
    uint64_t remaining_ms = batch_remaining_ms(batch, loop_now_ms(router->loop));

    return (struct record_job_item){
        .connection = connection_id(connection),
        .first = batch->first,
        .last = batch->last,
        .attempt = batch->attempts + 1,
        .remaining_ms = remaining_ms < REMAINING_MAX_MS ? remaining_ms : REMAINING_MAX_MS,
        .metadata = connection_metadata(connection),
        .events = batch->events,
    };
}

static struct job *job_new(struct router *router, struct worker *worker, size_t count)
{
    struct dispatch *dispatch = &router->dispatch;
    struct job *job = xcalloc(1, sizeof *job + count * sizeof(struct connection *));

    job->number = ++dispatch->last_number;
    job->began_ms = loop_now_ms(router->loop);
    job->worker = worker;
    job->count = count;
    list_init(&job->of_worker);
    list_append(&worker->jobs, &job->of_worker);
    worker_pool_used(&router->workers, worker);
    table_insert(&dispatch->jobs, &job->by_number, span_of(&job->number, sizeof job->number));
    return job;
}

static void put_job(struct router *router, const struct job *job,
                    const struct record_job_item_list *items, struct span origin)
{
    wire_put_job(link_packet(job->worker->link),
                 &(struct message_job){.job = job->number,
                                       .is_group = router->dispatch.group_limit > 1,
                                       .items = *items,
                                       .origin = origin});
    metric_add(METRIC_JOBS, 1);
}

static void send_replay(struct router *router, struct worker *worker, struct replay *replay)
{
    struct job *job = job_new(router, worker, 0);
    const struct record_job_item item = replay_item(replay);
    const struct record_job_item_list items = {.items = &item, .count = 1};

    job->replay = replay;
    replay_sent(replay, job);
    put_job(router, job, &items, span_text(replay->origin));
}

static void send_job(struct router *router, struct worker *worker, size_t count)
{
    struct dispatch *dispatch = &router->dispatch;
    struct job *job = job_new(router, worker, count);

    for (size_t i = 0; i < count; i++) {
        struct connection *connection = dispatch->group[i];
        connection_set_phase(connection, CONNECTION_IN_FLIGHT);
        connection->job = job;
        connection->job_index = i;
        connection->fact_count = 0;
        connection->group = 0;
        connection_batch(connection)->was_sent = true;
        job->items[i] = connection;
        dispatch->scratch[i] = item_of(router, connection);
    }
    const struct record_job_item_list items = {.items = dispatch->scratch, .count = count};
    put_job(router, job, &items, (struct span){0});
}

static void on_turn(struct loop_deferred *deferred)
{
    struct router *router = CONTAINER_OF(deferred, struct router, dispatch.turn);
    struct worker *worker;
    struct connection *connection;

    router->dispatch.is_pausing = drain_is_pausing(router);
    while ((worker = worker_pool_pick(&router->workers))) {
        struct replay *replay = replays_next(router);
        connection = next_connection(router);
        if (!connection && !replay)
            return;
        if (replay && (!connection || replay->stamp < connection->stamp))
            send_replay(router, worker, replay);
        else if (is_too_late(router, connection))
            expire_open(connection);
        else
            send_job(router, worker, gather_group(router, connection));
    }
}
