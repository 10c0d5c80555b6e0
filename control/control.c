#include "control/control.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/process/log.h"
#include "common/process/metrics.h"

enum { TICK_MS = 500, LEAVING_MS = 1000 };

static void warm_up(struct control *control)
{
    if (!control_may_warm_up(control))
        return;
    log_info("warm: all edges are known", LOG_UINT("edges", control->roll.live_count),
             LOG_UINT("waiting", control->requests.count));
    request_set_warm(&control->requests);
    lifecycle_ready(control->lifecycle);
}

/* ---- the roll ---- */

/* An edge that still talks is told by its router that it is dead, and leaves by itself. */
static void bury(struct control *control, struct edge *edge)
{
    log_info("edge is dead", LOG_SPAN("edge", span_of(edge->id, EDGE_ID_LENGTH)),
             LOG_UINT("commands", edge->outbox.waiting));
    edge_bury(&control->edges, edge, loop_now_ms(control->loop));
    watch_edge_left(&control->watches, edge);
    if (edge->link && link_silent_ms(edge->link) >= control->config->peer_timeout_ms / 2)
        link_drop(edge->link);
}

static void apply_roll(struct control *control)
{
    for (const struct roll_edge *word = roll_first(&control->roll); word;
         word = roll_next(&control->roll, word)) {
        struct span id = span_of(word->id, EDGE_ID_LENGTH);
        struct edge *edge = edge_set_find(&control->edges, id);
        if (!word->is_dead) {
            edge_set_on_roll(&control->edges, edge_set_get(&control->edges, id), true);
        } else if (edge && !edge->is_gone) {
            bury(control, edge);
        }
    }
    EDGE_SET_FOR_EACH(&control->edges, edge) {
        struct span id = span_of(edge->id, EDGE_ID_LENGTH);
        if (edge->is_on_roll && roll_standing(&control->roll, id) != ROLL_LIVE)
            edge_set_on_roll(&control->edges, edge, false);
    }
    warm_up(control);
}

static void on_census(void *context)
{
    apply_roll(context);
}

static void on_unknown_edge(void *context)
{
    struct control *control = context;
    census_ask(&control->census);
}

/* ---- links ---- */

static bool is_edge(const struct link *link)
{
    return span_is(link_peer_role(link), "edge");
}

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

    if (is_edge(link)) {
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
    if (!is_edge(link))
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
    if (is_edge(link) && link_data(link))
        edge_flush(link_data(link));
}

/* ---- messages ---- */

static void on_roll(struct control *control, struct link *link, const struct wire_message *message)
{
    (void)link;
    if (roll_update(&control->roll, &message->as.roll, loop_now_ms(control->loop)))
        apply_roll(control);
}

static void on_commands(struct control *control, struct link *link,
                        const struct wire_message *message)
{
    worker_commands(&control->requests, link, &message->as.commands);
}

static void on_join(struct control *control, struct link *link, const struct wire_message *message)
{
    edge_join(&control->edges, link_data(link), message->as.join.channel);
}

static void on_leave(struct control *control, struct link *link, const struct wire_message *message)
{
    edge_leave(&control->edges, link_data(link), message->as.leave.channel,
               message->as.leave.through);
}

static void on_announced(struct control *control, struct link *link,
                         const struct wire_message *message)
{
    log_info("edge has announced its channels", LOG_SPAN("edge", link_peer_name(link)),
             LOG_UINT("channels", message->as.announced.channels));
    edge_announced(&control->edges, link_data(link));
    warm_up(control);
}

static void on_receipt(struct control *control, struct link *link,
                       const struct wire_message *message)
{
    const struct record_range_list *ranges = &message->as.receipt.ranges;
    for (size_t i = 0; i < ranges->count; i++)
        edge_receipt(&control->edges, link_data(link), ranges->items[i].first,
                     ranges->items[i].last);
}

static void on_report(struct control *control, struct link *link,
                      const struct wire_message *message)
{
    (void)link;
    figures_report(&control->figures, &message->as.report);
}

static void on_polled(struct control *control, struct link *link,
                      const struct wire_message *message)
{
    (void)control;
    edge_polled(link_data(link), message->as.polled.number);
}

static void on_watching(struct control *control, struct link *link,
                        const struct wire_message *message)
{
    watch_begun(&control->watches, link_data(link), message->as.watching.channel);
}

static void on_watched(struct control *control, struct link *link,
                       const struct wire_message *message)
{
    watch_published(&control->watches, link_data(link), &message->as.watched);
}

typedef void message_handler(struct control *, struct link *, const struct wire_message *);

static message_handler *const edge_handlers[MESSAGE_ID_LIMIT] = {
    [MESSAGE_JOIN] = on_join,           [MESSAGE_LEAVE] = on_leave,
    [MESSAGE_ANNOUNCED] = on_announced, [MESSAGE_RECEIPT] = on_receipt,
    [MESSAGE_POLLED] = on_polled,       [MESSAGE_WATCHING] = on_watching,
    [MESSAGE_WATCHED] = on_watched,     [MESSAGE_REPORT] = on_report,
};

static message_handler *const worker_handlers[MESSAGE_ID_LIMIT] = {
    [MESSAGE_ROLL] = on_roll,
    [MESSAGE_COMMANDS] = on_commands,
    [MESSAGE_REPORT] = on_report,
};

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    static struct log_limit limit;
    message_handler *const *handlers = is_edge(link) ? edge_handlers : worker_handlers;

    if (!link_data(link))
        return;
    if (handlers[message->id])
        handlers[message->id](context, link, message);
    else
        log_limited(&limit, LOG_LEVEL_WARNING, "message not for us",
                    LOG_TEXT("message", message_name(message->id)),
                    LOG_SPAN("peer", link_peer_name(link)));
}

/* ---- life ---- */

static void on_tick(struct loop_timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, tick);

    edge_set_sweep(&control->edges, loop_now_ms(control->loop));
    warm_up(control);
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
        .application_name = "slip-control",
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
    if (error < 0)
        log_error("DATABASE_URL is no connection string");
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
        .handlers = {on_up, on_down, on_message, on_received, on_silent, NULL},
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
