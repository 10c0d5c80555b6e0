#include "webhook-worker/job.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "webhook-worker/answer.h"
#include "webhook-worker/request.h"
#include "webhook-worker/worker.h"

/* The backend's answer to an OPEN must be back at the edge before the client is told 504. */
enum { OPEN_RESERVE_MS = 1000, OPEN_TIMEOUT_LOWEST_MS = 200 };

static const char *outcome_text(enum job_outcome outcome)
{
    static const char *const texts[] = {
        [JOB_DELIVERED] = "delivered",      [JOB_NOT_SENT] = "not sent",
        [JOB_TIMED_OUT] = "timed out",      [JOB_BROKEN] = "broken off",
        [JOB_STATUS] = "refused by status", [JOB_INVALID_ANSWER] = "invalid answer",
        [JOB_ABORTED] = "aborted",          [JOB_HELD] = "held",
    };
    return texts[outcome];
}

void jobs_init(struct jobs *jobs)
{
    table_init(&jobs->by_reference);
    list_init(&jobs->queued);
}

void jobs_fini(struct jobs *jobs)
{
    ASSERT(jobs->by_reference.count == 0 && list_is_empty(&jobs->queued));
    table_fini(&jobs->by_reference);
}

static bool waits_for_control(enum job_state state)
{
    return state == JOB_STATE_PARKED || state == JOB_STATE_COMMANDING;
}

struct job *jobs_find(const struct jobs *jobs, uint64_t reference)
{
    struct table_link *link =
        table_find(&jobs->by_reference, span_of(&reference, sizeof(reference)));
    struct job *job = link ? TABLE_ENTRY(link, struct job, by_reference) : NULL;
    return job && waits_for_control(job->state) ? job : NULL;
}

void job_set_state(struct job *job, enum job_state state)
{
    static const unsigned edges[JOB_STATE_COUNT] = {
        [JOB_STATE_NEW] = 1u << JOB_STATE_QUEUED,
        [JOB_STATE_QUEUED] = 1u << JOB_STATE_POSTING,
        [JOB_STATE_POSTING] = 1u << JOB_STATE_PARKED | 1u << JOB_STATE_COMMANDING,
        [JOB_STATE_PARKED] = 1u << JOB_STATE_PARKED | 1u << JOB_STATE_COMMANDING,
        [JOB_STATE_COMMANDING] = 1u << JOB_STATE_PARKED,
    };
    ASSERT(edges[job->state] & 1u << state);
    if (!waits_for_control(job->state) && waits_for_control(state)) {
        job->router->waiting++;
        routers_ready_later(job->worker);
    }
    job->worker->jobs.counts[job->state]--;
    job->worker->jobs.counts[state]++;
    job->state = state;
}

static struct job *job_new(struct worker *worker, struct router_peer *router,
                           const struct message_job *message)
{
    struct jobs *jobs = &worker->jobs;
    struct job *job = xcalloc(1, sizeof(*job));
    job->worker = worker;
    job->router = router;
    job->number = message->job;
    job->reference = ++jobs->last_reference;
    list_init(&job->place);
    list_init(&job->of_router);
    list_append(&router->jobs, &job->of_router);
    router->job_count++;
    jobs->counts[JOB_STATE_NEW]++;
    table_insert(&jobs->by_reference, &job->by_reference,
                 span_of(&job->reference, sizeof(job->reference)));
    request_write(job, message);
    return job;
}

void job_destroy(struct job **job_place)
{
    struct job *job = *job_place;
    if (!job)
        return;
    *job_place = NULL;
    struct worker *worker = job->worker;
    if (job->transfer)
        http_client_cancel(worker->http, job->transfer);
    if (job->transfer && job->is_probe)
        breaker_abandoned(&worker->breaker, loop_now_ms(worker->loop));
    if (waits_for_control(job->state)) {
        job->router->waiting--;
        routers_ready_later(worker);
    }
    worker->jobs.counts[job->state]--;
    table_remove(&worker->jobs.by_reference, &job->by_reference);
    list_remove(&job->place);
    list_remove(&job->of_router);
    job->router->job_count--;
    buffer_fini(&job->body);
    buffer_fini(&job->commands);
    buffer_fini(&job->done);
    free(job->items);
    free(job->names);
    free(job);
}

static int64_t deadline_of(const struct worker *worker, const struct message_job *message)
{
    int64_t deadline_ms = INT64_MAX;
    for (size_t i = 0; i < message->items.count; i++) {
        int64_t remaining_ms = (int64_t)message->items.items[i].remaining_ms;
        int64_t due_ms = loop_now_ms(worker->loop) + remaining_ms - OPEN_RESERVE_MS;
        if (remaining_ms > 0 && due_ms < deadline_ms)
            deadline_ms = due_ms;
    }
    return deadline_ms;
}

static int64_t timeout_of(const struct job *job)
{
    int64_t timeout_ms = job->worker->config->webhook_timeout_ms;
    int64_t now_ms = loop_now_ms(job->worker->loop);
    if (job->deadline_ms == INT64_MAX || job->deadline_ms - now_ms >= timeout_ms)
        return timeout_ms;
    timeout_ms = job->deadline_ms - now_ms;
    return timeout_ms > OPEN_TIMEOUT_LOWEST_MS ? timeout_ms : OPEN_TIMEOUT_LOWEST_MS;
}

static void job_post(struct job *job)
{
    struct worker *worker = job->worker;
    struct transfer_request request = {
        .body = buffer_span(&job->body),
        .key = job->key.text,
        .timeout_ms = timeout_of(job),
    };
    worker_authorize(worker, &request);
    list_remove(&job->place);
    job->posted_ms = loop_now_ms(worker->loop);
    job->is_probe = breaker_begin(&worker->breaker, job->posted_ms);
    job_set_state(job, JOB_STATE_POSTING);
    job->transfer = http_client_post(worker->http, &request, job);
    metric_add(METRIC_WEBHOOK_SENT, (int64_t)job->body.length);
}

static void job_hold(struct job *job, int64_t hold_ms)
{
    metric_add(METRIC_WEBHOOKS_HELD, 1);
    job_finish(job, JOB_HELD, 0, hold_ms, "the target is down");
}

void jobs_start(struct worker *worker)
{
    struct job *job;
    while ((job = LIST_FIRST(&worker->jobs.queued, struct job, place))) {
        int64_t hold_ms = breaker_hold_ms(&worker->breaker, loop_now_ms(worker->loop));
        if (hold_ms > 0)
            job_hold(job, hold_ms);
        else if (http_client_has_room(worker->http))
            job_post(job);
        else
            break;
    }
}

static void say_done(struct router_peer *router, uint64_t number, enum job_outcome outcome,
                     unsigned status, int64_t retry_after_ms, const char *error)
{
    struct message_done message = {
        .job = number,
        .outcome = outcome,
        .status = status > 999 ? 999 : status,
        .retry_after_ms = (uint64_t)retry_after_ms,
        .error = span_text(error),
    };
    wire_put_done(router_packet(router), &message);
}

void job_take(struct worker *worker, struct router_peer *router, const struct message_job *message)
{
    metric_add(METRIC_JOBS, 1);
    const char *reason = request_check(message);
    if (reason) {
        log_error("a job makes no sense", LOG_UINT("job", message->job),
                  LOG_TEXT("reason", reason));
        say_done(router, message->job, JOB_INVALID_ANSWER, 0, 0, reason);
        return;
    }
    if (worker->is_draining) {
        say_done(router, message->job, JOB_ABORTED, 0, 0, "the worker is leaving");
        return;
    }
    struct job *job = job_new(worker, router, message);
    job->deadline_ms = deadline_of(worker, message);
    job_set_state(job, JOB_STATE_QUEUED);
    list_append(&worker->jobs.queued, &job->place);
    jobs_start(worker);
}

static void log_failure(const struct job *job, enum job_outcome outcome, unsigned status,
                        const char *error)
{
    /* Many of one kind do not hide the first of another. */
    static struct log_limit limits[JOB_HELD + 1];
    if (outcome == JOB_ABORTED || outcome == JOB_HELD)
        return;
    log_limited(&limits[outcome], LOG_LEVEL_WARNING, "webhook failed",
                LOG_SPAN("conn", job->items[0].connection),
                LOG_UINT("connections", job->item_count), LOG_TEXT("key", job->key.text),
                LOG_UINT("attempt", job->attempt), LOG_TEXT("outcome", outcome_text(outcome)),
                LOG_UINT("status", status), LOG_TEXT("error", error));
}

void job_finish(struct job *job, enum job_outcome outcome, unsigned status, int64_t retry_after_ms,
                const char *error)
{
    struct worker *worker = job->worker;
    log_failure(job, outcome, status, error);
    say_done(job->router, job->number, outcome, status, retry_after_ms, error);
    job_destroy(&job);
    worker_check_drained(worker);
}

void job_delivered(struct job *job)
{
    struct worker *worker = job->worker;
    buffer_append_span(router_packet(job->router), buffer_span(&job->done));
    job_destroy(&job);
    worker_check_drained(worker);
}

static void job_accept(struct job *job, const struct transfer_result *result)
{
    struct contract_error why;
    if (answer_encode(job, result->body, result->status, &job->worker->limits, &why) < 0) {
        struct buffer sentence = {0};
        contract_error_append(&why, &sentence);
        buffer_append_byte(&sentence, '\0');
        metric_add_label(METRIC_WEBHOOKS, LABEL_WEBHOOK_INVALID, 1);
        job_finish(job, JOB_INVALID_ANSWER, result->status, 0, sentence.data);
        buffer_fini(&sentence);
        return;
    }
    metric_add_label(METRIC_WEBHOOKS, result->label, 1);
    if (job->commands.length > 0)
        controls_send(&job->worker->controls, job);
    else
        job_delivered(job);
}

void job_answered(struct job *job, const struct transfer_result *result)
{
    metric_observe(METRIC_WEBHOOK_DURATION, result->duration_us);
    if (result->first_byte_us > 0)
        metric_observe(METRIC_WEBHOOK_FIRST_BYTE, result->first_byte_us);
    metric_add(METRIC_WEBHOOK_CONNECTIONS, result->connects);
    metric_add(METRIC_WEBHOOK_RECEIVED, (int64_t)result->body.length);
    job->transfer = NULL;
    worker_judge_target(job, result);
    /* It may wait for a control much longer than it took so far. */
    buffer_fini(&job->body);
    if (result->outcome == JOB_DELIVERED) {
        job_accept(job, result);
        return;
    }
    metric_add_label(METRIC_WEBHOOKS, result->label, 1);
    job_finish(job, result->outcome, result->status, result->retry_after_ms, result->error);
}
