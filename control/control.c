#include "control/control.h"

#include <stdlib.h>

#include "common/base/random.h"
#include "common/process/log.h"
#include "common/process/mask.h"
#include "common/process/metrics.h"

enum { TICK_MS = 500, LEAVING_MS = 1000 };

static void on_census(void *context)
{
    control_apply_roll(context);
}

static void on_unknown_edge(void *context)
{
    struct control *control = context;
    census_ask(&control->census);
}

/* ---- links ---- */

static void edge_came(struct control *control, struct link *link)
{
    struct span id = link_peer_name(link);

    if (!edge_id_is_valid(id)) {
        log_warning("an edge with an impossible id", LOG_SPAN("edge", id));
        link_drop(link);
        return;
    }
    struct edge *edge = edge_set_get(&control->edges, id);
    link_set_data(link, edge);
    log_info("edge linked", LOG_SPAN("edge", id), LOG_UINT("resent", edge->outbox.waiting));
    edge_linked(edge, link);
    if (roll_standing(&control->roll, id) == ROLL_DEAD)
        edge_bury(&control->edges, edge, loop_now_ms(control->loop));
    watch_edge_came(&control->watches, edge);
}

static void edge_left(struct control *control, struct edge *edge)
{
    edge_unlinked(&control->edges, edge, loop_now_ms(control->loop));
    watch_edge_left(&control->watches, edge);
}

static void on_up(void *context, struct link *link)
{
    struct control *control = context;

    if (control_is_edge(link)) {
        edge_came(control, link);
        return;
    }
    log_info("worker linked", LOG_SPAN("worker", link_peer_name(link)));
    worker_linked(&control->workers, link);
}

static void on_down(void *context, struct link *link)
{
    struct control *control = context;
    struct edge *edge = link_data(link);

    log_info("peer unlinked", LOG_SPAN("role", link_peer_role(link)),
             LOG_SPAN("peer", link_peer_name(link)));
    figures_unlinked(&control->figures, link_peer_name(link));
    if (!control_is_edge(link))
        worker_unlinked(&control->workers, link);
    else if (edge && edge->link == link)
        edge_left(control, edge);
}

static void on_silent(void *context, struct link *link)
{
    (void)context;
    log_warning("peer is silent", LOG_SPAN("role", link_peer_role(link)),
                LOG_SPAN("peer", link_peer_name(link)), LOG_INT("ms", link_silent_ms(link)));
}

static void on_received(void *context, struct link *link)
{
    (void)context;
    if (control_is_edge(link) && link_data(link))
        edge_flush(link_data(link));
}

/* ---- life ---- */

static void on_tick(struct loop_timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, tick);

    edge_set_sweep(&control->edges, loop_now_ms(control->loop));
    control_warm_up(control);
    loop_timer_start(control->loop, &control->tick, TICK_MS);
}

static void on_database_ready(void *context)
{
    struct control *control = context;
    control->is_database_missed = false;
    log_info("database connected");
    metric_set(METRIC_DATABASE_UP, 1);
    census_ask(&control->census);
}

/* Said once for each time it goes away, not for each attempt. */
static void on_database_down(void *context, bool was_ready, const char *reason)
{
    struct control *control = context;

    metric_set(METRIC_DATABASE_UP, 0);
    metric_add(METRIC_DATABASE_FAILURES, 1);
    if (!control->is_database_missed)
        log_warning(was_ready ? "database lost: reads are answered 503"
                              : "database not reached: reads are answered 503",
                    LOG_TEXT("reason", reason));
    control->is_database_missed = true;
}

static int open_database(struct control *control)
{
    struct database_options options = {
        .url = control->config->database_url,
        .password = control->config->database_password,
        .application_name = program_name(PROGRAM_CONTROL),
        .schema = control->config->stack_name,
        .connect_timeout_ms = 5000,
        .answer_timeout_ms = 10000,
        .retry_first_ms = 100,
        .retry_last_ms = 3000,
        .queue_bytes = 64 << 20,
        .handlers = {.on_ready = on_database_ready, .on_down = on_database_down},
        .context = control,
    };
    int error = database_open(control->loop, &options, &control->database);
    if (error < 0) {
        char *masked = mask_passwords(control->config->database_url);
        log_error("DATABASE_URL is no connection string", LOG_TEXT("url", masked));
        free(masked);
    }
    return error;
}

static int bind_links(struct control *control)
{
    const struct config *config = control->config;
    char link_address[ADDRESS_TEXT_SIZE], publish_address[ADDRESS_TEXT_SIZE];
    struct buffer link_endpoint = {0}, publish_endpoint = {0};
    struct link_options options = {
        .role = "control",
        .stack = config->stack_name,
        .name = control->name,
        .heartbeat_ms = config->heartbeat_ms,
        .peer_timeout_ms = config->peer_timeout_ms,
        .buffer_bytes = config->link_buffer_bytes,
        .handlers = {on_up, on_down, control_on_message, on_received, on_silent, NULL},
        .context = control,
    };

    address_format(&config->control_link_listen, link_address);
    address_format(&config->control_publish_listen, publish_address);
    buffer_append_format(&link_endpoint, "tcp://%s%c", link_address, '\0');
    buffer_append_format(&publish_endpoint, "tcp://%s%c", publish_address, '\0');
    int error = link_set_bind(control->loop, &options, link_endpoint.data, publish_endpoint.data,
                              "edge,webhook-worker", &control->links);
    if (error < 0)
        log_error("cannot listen for edges and workers", LOG_TEXT("address", link_address),
                  LOG_TEXT("publish_address", publish_address), LOG_ERRNO(error));
    buffer_fini(&link_endpoint);
    buffer_fini(&publish_endpoint);
    return error;
}

static int open_rest(struct control *control)
{
    char address[ADDRESS_TEXT_SIZE];
    int error = rest_open(&control->rest, control);

    address_format(&control->config->control_listen, address);
    if (error < 0)
        log_error("cannot listen for REST", LOG_TEXT("address", address), LOG_ERRNO(error));
    else
        log_info("REST is served", LOG_TEXT("address", address),
                 LOG_UINT("port", http_server_port(control->rest.server)),
                 LOG_TEXT("links", link_set_endpoint(control->links)),
                 LOG_TEXT("publish", link_set_publish_endpoint(control->links)));
    return error;
}

static void on_left(struct loop_timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, leaving);
    lifecycle_stopped(control->lifecycle);
}

static void init_parts(struct control *control)
{
    int64_t peer_timeout_ms = control->config->peer_timeout_ms;

    roll_init(&control->roll);
    channel_map_init(&control->channels);
    edge_set_init(&control->edges, &control->channels, peer_timeout_ms);
    control->edges.on_unknown = on_unknown_edge;
    control->edges.context = control;
    request_set_init(&control->requests, control->loop, &control->edges, &control->channels);
    watch_set_init(&control->watches, &control->edges);
    worker_set_init(&control->workers);
    figures_init(&control->figures, control);
    loop_timer_init(&control->tick, on_tick);
    loop_timer_init(&control->leaving, on_left);
}

int control_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                   void **ret_actor)
{
    struct control *control = xcalloc(1, sizeof *control);
    void *actor = control;
    int error;

    control->lifecycle = lifecycle;
    control->loop = loop;
    control->config = config;
    control->started_ms = loop_now_ms(loop);
    random_text(control->name, CONTROL_NAME_LENGTH);
    log_set_id(control->name);
    init_parts(control);
    error = open_database(control);
    if (error < 0)
        goto out;
    census_init(&control->census, loop, control->database, &control->edges, &control->roll,
                config->peer_timeout_ms, on_census, control);
    status_init(&control->status, loop, control->database);
    error = bind_links(control);
    if (error < 0)
        goto out;
    error = open_rest(control);
    if (error < 0)
        goto out;
    loop_timer_start(loop, &control->tick, TICK_MS);
    *ret_actor = control;
out:
    if (error < 0)
        control_destroy(&actor);
    return error;
}

/* Workers take what is left to another control when they get BYE, so this wait is short. */
static void on_rest_drained(void *context)
{
    struct control *control = ((struct rest *)context)->control;
    if (control->requests.count == 0)
        lifecycle_stopped(control->lifecycle);
    else
        loop_timer_start(control->loop, &control->leaving, LEAVING_MS);
}

void control_drain(void *actor)
{
    struct control *control = actor;
    rest_drain(&control->rest, on_rest_drained);
}

int64_t control_drain_limit_ms(const struct config *config)
{
    return config->control_timeout_ms + 5000;
}

void control_check_ready(void *actor, struct readiness *readiness)
{
    const char *reason = control_cold_reason(actor);
    if (reason)
        readiness_add(readiness, reason);
}

void control_destroy(void **actor)
{
    struct control *control = *actor;

    if (!control)
        return;
    rest_close(&control->rest);
    figures_fini(&control->figures);
    link_set_destroy(&control->links);
    census_fini(&control->census);
    status_fini(&control->status);
    database_close(&control->database);
    watch_set_fini(&control->watches);
    edge_set_fini(&control->edges);
    request_set_fini(&control->requests);
    worker_set_fini(&control->workers);
    channel_map_fini(&control->channels);
    roll_fini(&control->roll);
    loop_timer_stop(control->loop, &control->tick);
    loop_timer_stop(control->loop, &control->leaving);
    log_set_id(NULL);
    free(control);
    *actor = NULL;
}

/* ---- metrics ---- */

static void measure_edges(const struct control *control)
{
    size_t receipts = 0, parked = 0;

    EDGE_SET_FOR_EACH(&control->edges, edge) {
        receipts += edge->outbox.waiting;
        parked += outbox_parked(&edge->outbox);
    }
    metric_set(METRIC_RECEIPTS_WAITING, (int64_t)receipts);
    metric_set(METRIC_COMMANDS_PARKED, (int64_t)parked);
}

void control_measure(void *actor)
{
    const struct control *control = actor;

    measure_edges(control);
    link_set_measure(control->links, LABEL_PEER_UNKNOWN);
    metric_set(METRIC_CHANNELS, (int64_t)control->channels.channels.count);
    metric_set(METRIC_EDGES_LIVE, (int64_t)control->roll.live_count);
    metric_set(METRIC_ROLL_VERSION, (int64_t)roll_version(&control->roll));
    metric_set(METRIC_REST_IN_FLIGHT, (int64_t)control->rest.call_count);
    metric_set(METRIC_TAILS, (int64_t)control->watches.follower_count);
    metric_set(METRIC_REST_IN_FLIGHT_BYTES, (int64_t)rest_in_flight_bytes(&control->rest));
    metric_set(METRIC_DATABASE_UP, database_is_ready(control->database));
}
