#include "webhook-worker/worker.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/process/log.h"

enum { LAST_WORDS_MS = 1000 };

static void on_done(void *context, void *owner, const struct transfer_result *result)
{
    struct worker *worker = context;
    job_answered(owner, result);
    jobs_start(worker);
}

static void on_ready(struct loop_deferred *deferred)
{
    routers_ready(CONTAINER_OF(deferred, struct worker, routers.ready));
}

static void on_drain_timer(struct loop_timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, drain_timer);
    if (worker->is_drained) {
        lifecycle_stopped(worker->lifecycle);
        return;
    }
    routers_abort_jobs(&worker->routers);
}

static struct http_client *new_http_client(struct worker *worker)
{
    const struct config *config = worker->config;
    struct transfer_settings requests = {
        .url = config->target_url,
        .ca_file = config->webhook_ca_file,
        .connect_timeout_ms = config->webhook_connect_timeout_ms,
        .answer_limit_bytes = config->webhook_answer_bytes,
        .verifies_tls = config->webhook_tls_verify,
    };
    struct http_client_handler handler = {.on_done = on_done, .context = worker};
    return http_client_new(worker->loop, &requests, config->webhook_concurrency, handler);
}

static struct breaker_settings breaker_settings_of(const struct config *config)
{
    return (struct breaker_settings){
        .failures = config->breaker_failures,
        .first_ms = config->breaker_first_ms,
        .last_ms = config->breaker_last_ms,
    };
}

static struct command_limits limits_of(const struct config *config)
{
    struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    limits.channel_name_bytes = config->channel_name_bytes;
    limits.metadata_bytes = config->metadata_bytes;
    limits.data_bytes = config->publish_bytes;
    return limits;
}

static int connect_set(struct worker *worker, const char *role,
                       const struct link_handlers *handlers, const struct address_list *addresses,
                       struct link_set **ret_set)
{
    const struct config *config = worker->config;
    struct link_options options = {
        .role = "webhook-worker",
        .stack = config->stack_name,
        .name = worker->name,
        .heartbeat_ms = config->heartbeat_ms,
        .peer_timeout_ms = config->peer_timeout_ms,
        .resolve_interval_ms = config->resolve_interval_ms,
        .buffer_bytes = config->link_buffer_bytes,
        .handlers = *handlers,
        .context = worker,
    };
    struct buffer text = {0};
    for (size_t i = 0; i < addresses->count; i++) {
        char one[ADDRESS_TEXT_SIZE];
        address_format(&addresses->items[i], one);
        buffer_append_format(&text, "%s%s", i > 0 ? "," : "", one);
    }
    buffer_append_byte(&text, '\0');
    int rc = link_set_connect(worker->loop, &options, text.data, role, ret_set);
    if (rc < 0)
        log_error("cannot connect", LOG_TEXT("to", role), LOG_TEXT("addresses", text.data),
                  LOG_ERRNO(rc));
    buffer_fini(&text);
    return rc;
}

static int connect_links(struct worker *worker)
{
    const struct config *config = worker->config;
    int rc = connect_set(worker, "router", &routers_link_handlers, &config->router_addresses,
                         &worker->router_links);
    if (rc == 0)
        rc = connect_set(worker, "control", &controls_link_handlers, &config->control_addresses,
                         &worker->control_links);
    return rc;
}

int worker_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));
    worker->lifecycle = lifecycle;
    worker->loop = loop;
    worker->config = config;
    random_text(worker->name, WORKER_NAME_LENGTH);
    log_set_id(worker->name);
    routers_init(&worker->routers, on_ready);
    controls_init(&worker->controls);
    rolls_init(&worker->rolls, 2 * config->peer_timeout_ms);
    jobs_init(&worker->jobs);
    loop_timer_init(&worker->drain_timer, on_drain_timer);
    worker->limits = limits_of(config);
    breaker_init(&worker->breaker, breaker_settings_of(config));
    worker->signer = token_signer_new(config->jwt_secret.items[0], TOKEN_AUDIENCE_EVENT);
    worker->http = new_http_client(worker);
    int rc = connect_links(worker);
    void *actor = worker;
    if (rc < 0)
        worker_destroy(&actor);
    else
        *ret_actor = actor;
    return rc;
}

void worker_destroy(void **actor)
{
    struct worker *worker = *actor;
    if (!worker)
        return;
    *actor = NULL;
    routers_fini(&worker->routers);
    controls_fini(&worker->controls);
    link_set_destroy(&worker->router_links);
    link_set_destroy(&worker->control_links);
    http_client_destroy(&worker->http);
    jobs_fini(&worker->jobs);
    rolls_fini(&worker->rolls);
    token_signer_destroy(&worker->signer);
    buffer_fini(&worker->authorization);
    loop_timer_stop(worker->loop, &worker->drain_timer);
    free(worker);
}

void worker_authorize(struct worker *worker, struct transfer_request *request)
{
    bool is_new = false;
    const char *token = token_signer_token(worker->signer, clock_realtime_ms(), &is_new);
    if (is_new || worker->authorization_generation == 0) {
        buffer_clear(&worker->authorization);
        buffer_append_text(&worker->authorization, "Authorization: Bearer ");
        buffer_append(&worker->authorization, token, strlen(token) + 1);
        worker->authorization_generation++;
    }
    request->authorization = worker->authorization.data;
    request->authorization_generation = worker->authorization_generation;
}

static void log_target(const struct worker *worker, enum breaker_state before,
                       const struct transfer_result *result)
{
    const struct breaker *breaker = &worker->breaker;
    if (breaker->state == BREAKER_CLOSED && before != BREAKER_CLOSED)
        log_info("the target answers again", LOG_UINT("status", result->status));
    else if (breaker->state == BREAKER_OPEN && before == BREAKER_CLOSED)
        log_warning("the target is down, and is probed from now on",
                    LOG_UINT("failures", breaker->failures), LOG_TEXT("error", result->error));
    else if (breaker->state == BREAKER_OPEN && before == BREAKER_HALF_OPEN)
        log_debug("the target is still down", LOG_TEXT("error", result->error));
}

void worker_judge_target(const struct job *job, const struct transfer_result *result)
{
    struct worker *worker = job->worker;
    enum breaker_state before = worker->breaker.state;
    int64_t now_ms = loop_now_ms(worker->loop);
    if (result->status > 0)
        breaker_answered(&worker->breaker, now_ms);
    else
        breaker_failed(&worker->breaker, job->posted_ms, job->is_probe, now_ms, random_below(1024));
    log_target(worker, before, result);
}

void worker_check_serving(struct worker *worker)
{
    if (worker->routers.count > 0 && worker->controls.count > 0 && !worker->is_draining)
        lifecycle_ready(worker->lifecycle);
}

void worker_check_ready(void *actor, struct readiness *readiness)
{
    const struct worker *worker = actor;
    if (worker->routers.count == 0)
        readiness_add(readiness, "no router");
    if (worker->controls.count == 0)
        readiness_add(readiness, "no control");
    if (worker->breaker.state != BREAKER_CLOSED)
        readiness_note(readiness, "degraded: the target is down");
}

static void measure_breaker(const struct breaker *breaker)
{
    metric_set(METRIC_BREAKER_STATE, breaker->state);
    for (unsigned state = 0; state < BREAKER_STATE_COUNT; state++)
        metric_set_label(METRIC_BREAKER_TRANSITIONS, state, (int64_t)breaker->entered[state]);
}

void worker_measure(void *actor)
{
    const struct worker *worker = actor;
    const struct jobs *jobs = &worker->jobs;
    metric_set(METRIC_JOBS_QUEUED, (int64_t)jobs->counts[JOB_STATE_QUEUED]);
    metric_set(METRIC_JOBS_IN_FLIGHT, (int64_t)jobs->counts[JOB_STATE_POSTING]);
    metric_set(METRIC_COMMANDS_WAITING,
               (int64_t)(jobs->counts[JOB_STATE_PARKED] + jobs->counts[JOB_STATE_COMMANDING]));
    metric_set(METRIC_CREDITS, (int64_t)routers_free_credits(&worker->routers));
    metric_set(METRIC_EDGES_LIVE, (int64_t)rolls_live_edges(&worker->rolls));
    metric_set(METRIC_ROLL_VERSION, (int64_t)rolls_version(&worker->rolls));
    measure_breaker(&worker->breaker);
    link_set_measure(worker->router_links, LABEL_PEER_ROUTER);
    link_set_measure(worker->control_links, LABEL_PEER_CONTROL);
}

int64_t worker_drain_limit_ms(const struct config *config)
{
    return config->drain_ms + (int64_t)2 * LAST_WORDS_MS;
}

void worker_drain(void *actor)
{
    struct worker *worker = actor;
    worker->is_draining = true;
    log_info("draining", LOG_UINT("in_flight", worker->jobs.counts[JOB_STATE_POSTING]),
             LOG_UINT("queued", worker->jobs.counts[JOB_STATE_QUEUED]));
    routers_ready(worker);
    while (!list_is_empty(&worker->jobs.queued))
        job_finish(LIST_FIRST(&worker->jobs.queued, struct job, place), JOB_ABORTED, 0, 0,
                   "the worker is leaving");
    if (!worker->is_drained)
        loop_timer_start(worker->loop, &worker->drain_timer, worker->config->drain_ms);
    worker_check_drained(worker);
}

void worker_check_drained(struct worker *worker)
{
    if (!worker->is_draining || worker->jobs.by_reference.count > 0)
        return;
    if (!worker->is_drained) {
        worker->is_drained = true;
        loop_timer_start(worker->loop, &worker->drain_timer, LAST_WORDS_MS);
    }
    if (routers_have_received(&worker->routers))
        lifecycle_stopped(worker->lifecycle);
}

void worker_link_silent(void *context, struct link *peer)
{
    (void)context;
    link_drop(peer);
}

void worker_link_refused(void *context, struct link *peer, struct span reason)
{
    (void)context;
    log_error("refused by a peer", LOG_TEXT("address", link_address(peer)),
              LOG_SPAN("reason", reason));
}

void worker_log_down(const char *message, const struct link *peer, size_t jobs)
{
    static const char *const ends[] = {
        [LINK_END_NONE] = "none",         [LINK_END_RESYNC] = "it restarted",
        [LINK_END_REPLACED] = "replaced", [LINK_END_BYE] = "it left",
        [LINK_END_OVERFLOW] = "overflow", [LINK_END_FORGOTTEN] = "forgotten",
        [LINK_END_DROPPED] = "silent",
    };
    enum log_level level = link_end(peer) == LINK_END_BYE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    LOG_LINE(level, message, LOG_SPAN("peer", link_peer_name(peer)),
             LOG_TEXT("why", ends[link_end(peer)]), LOG_UINT("jobs", jobs), LOG_END);
}

void worker_ignore(enum message_id id, const struct link *peer)
{
    static struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_INFO, "message ignored", LOG_TEXT("message", message_name(id)),
                LOG_SPAN("peer", link_peer_name(peer)));
}
