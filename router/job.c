/* The end of jobs (dispatch.h): what their outcome means for each connection. */
#include <stdlib.h>

#include "common/base/random.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/connection.h"
#include "router/dispatch.h"
#include "router/retry.h"
#include "router/router.h"

void dispatch_detach(struct connection *connection)
{
    if (connection->job)
        connection->job->items[connection->job_index] = NULL;
    connection->job = NULL;
}

static void job_destroy(struct router *router, struct job *job)
{
    table_remove(&router->dispatch.jobs, &job->by_number);
    list_remove(&job->of_worker);
    job->worker->in_flight--;
    free(job);
}

/* ---- delivered ---- */

static const struct record_done_item *find_item(const struct message_done *done,
                                                const struct connection *connection, size_t index)
{
    const struct record_done_item_list *items = &done->items;
    uint64_t first = connection_batch(connection)->first;

    /* in the order of the job, as a rule */
    for (size_t i = 0; i < items->count; i++) {
        const struct record_done_item *item = &items->items[(index + i) % items->count];
        if (item->first == first && span_equal(item->connection, connection_id(connection)))
            return item;
    }
    return NULL;
}

/* A repeated OPEN may be refused though it was accepted before: the edge, which knows, ends it. */
static void deliver_open(struct connection *connection, const struct record_done_item *item)
{
    bool is_waited_for = batch_is_waited_for(connection_batch(connection));

    if (item && item->verdict == OPEN_VERDICT_ACCEPTED)
        connection_finish_batch(connection, ACK_DELIVERED, 0);
    else if (item && item->verdict == OPEN_VERDICT_REFUSED && is_waited_for)
        connection_finish_batch(connection, ACK_REFUSED, 403);
    else
        connection_finish_batch(connection, ACK_UNKNOWN, 502);
}

static void deliver(struct connection *connection, const struct message_done *done, size_t index)
{
    const struct record_done_item *item = find_item(done, connection, index);

    if (item && item->metadata_set && connection_answered_metadata(connection, item->metadata))
        projection_connection(connection, true, NULL, 0);
    if (connection_batch(connection)->is_open)
        deliver_open(connection, item);
    else
        connection_finish_batch(connection, ACK_DELIVERED, 0);
}

/* ---- not delivered ---- */

static void log_failure(const struct connection *connection, const struct message_done *done,
                        const char *what)
{
    static struct log_limit limit;

    log_limited(&limit, LOG_LEVEL_WARNING, what, LOG_SPAN("conn", connection_id(connection)),
                LOG_UINT("first", connection_batch(connection)->first),
                LOG_UINT("attempts", connection_batch(connection)->attempts),
                LOG_UINT("status", done->status), LOG_SPAN("error", done->error));
}

static void wait_for_turn(struct connection *connection, int64_t delay_ms)
{
    connection_set_phase(connection, CONNECTION_RETRYING);
    loop_timer_start(connection->edge->router->loop, &connection->retry, delay_ms);
}

static void retry_later(struct connection *connection, const struct message_done *done,
                        int64_t delay_ms)
{
    connection_batch(connection)->attempts++;
    metric_add(METRIC_RETRIES, 1);
    log_debug("another attempt follows", LOG_SPAN("conn", connection_id(connection)),
              LOG_UINT("attempts", connection_batch(connection)->attempts),
              LOG_INT("delay_ms", delay_ms), LOG_UINT("status", done->status));
    wait_for_turn(connection, delay_ms);
}

static void carry_out(struct connection *connection, const struct message_done *done,
                      const struct retry_decision *decision, size_t group_count)
{
    switch (decision->action) {
    case RETRY_FINISH: /* delivered: not here */
        break;
    case RETRY_LATER:
        retry_later(connection, done, decision->delay_ms);
        break;
    case RETRY_HELD:
        wait_for_turn(connection, decision->delay_ms);
        break;
    case RETRY_SPLIT:
        connection->group_limit = (group_count + 1) / 2;
        dispatch_queue(connection, true);
        break;
    case RETRY_AT_ONCE:
        connection->group = group_count > 1 ? connection->job->number : 0;
        dispatch_queue(connection, true);
        break;
    case RETRY_DEAD_LETTER:
        connection_batch(connection)->attempts++;
        log_failure(connection, done, "batch given up");
        dead_letter_bury(connection);
        break;
    case RETRY_REFUSE:
        log_failure(connection, done, "handshake not delivered");
        connection_finish_batch(connection, ACK_REFUSED, decision->status);
        break;
    case RETRY_UNKNOWN:
        log_failure(connection, done, "handshake without an answer");
        connection_finish_batch(connection, ACK_UNKNOWN, decision->status);
        break;
    }
}

static struct retry_facts facts_of(const struct connection *connection,
                                   const struct message_done *done, size_t group_count)
{
    const struct batch *batch = connection_batch(connection);
    int64_t now_ms = loop_now_ms(connection->edge->router->loop);

    return (struct retry_facts){
        .outcome = retry_outcome(done->outcome),
        .status = done->status,
        .retry_after_ms = done->retry_after_ms,
        .attempts = batch->attempts,
        .is_open = batch->is_open,
        .is_waited_for = batch_is_waited_for(batch),
        .may_be_accepted = batch->may_be_accepted,
        .remaining_ms = batch_remaining_ms(batch, now_ms),
        .group_count = group_count,
    };
}

static enum retry_action fail(struct connection *connection, const struct message_done *done,
                              size_t group_count)
{
    const struct config *config = connection->edge->router->config;
    const struct retry_limits limits = {.attempts = config->webhook_attempts,
                                        .first_ms = config->retry_first_ms,
                                        .last_ms = config->retry_last_ms};
    const struct retry_facts facts = facts_of(connection, done, group_count);
    struct retry_decision decision = retry_decide(&facts, &limits, random_below(1024));

    /* What was not tried says nothing new about why the batch fails. */
    if (facts.outcome != JOB_HELD)
        connection_note_failure(connection, done->status, done->error);
    if (retry_may_be_accepted(facts.outcome))
        connection_batch(connection)->may_be_accepted = true;
    carry_out(connection, done, &decision, group_count);
    return decision.action;
}

/* ---- the two ways a job ends ---- */

/* From the last to the first: those that go back in front keep their order. Ending one connection
 * may free another of the same job only through items[], which then says so. */
static void end_job(struct job *job, const struct message_done *done)
{
    bool is_split = false;

    if (job->replay)
        replay_on_done(job->replay, done);
    for (size_t i = job->count; i-- > 0;) {
        struct connection *connection = job->items[i];
        if (!connection)
            continue;
        if (done->outcome == JOB_DELIVERED)
            deliver(connection, done, i);
        else
            is_split |= fail(connection, done, job->count) == RETRY_SPLIT;
    }
    metric_add(METRIC_BATCHES_SPLIT, is_split);
}

void dispatch_take_back(struct router *router, struct worker *worker)
{
    const struct message_done lost = {.outcome = JOB_ABORTED,
                                      .error = span_text("the worker was lost")};

    /* the newest first: each goes in front of the queue */
    for (struct list *at = worker->jobs.previous, *before; at != &worker->jobs; at = before) {
        struct job *job = LIST_ENTRY(at, struct job, of_worker);
        before = at->previous;
        end_job(job, &lost);
        job_destroy(router, job);
    }
}

void dispatch_on_done(struct router *router, struct link *link, const struct wire_message *message)
{
    const struct message_done *done = &message->as.done;
    struct table_link *found =
        table_find(&router->dispatch.jobs, span_of(&done->job, sizeof done->job));
    struct job *job = found ? TABLE_ENTRY(found, struct job, by_number) : NULL;

    if (!job || job->worker != link_data(link))
        return;
    end_job(job, done);
    job_destroy(router, job);
    dispatch_wake(router);
    router_check_drained(router);
}
