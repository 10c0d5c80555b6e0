#include "edge/edge.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/random.h"
#include "common/process/listener.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "edge/client.h"
#include "edge/linger.h"
#include "edge/peers.h"
#include "edge/traffic.h"

enum { TICK_MS = TIMER_WHEEL_SLOT_MS, ORIGINS_MAX = 262144 };

/* ---- the edge's own timer and deferred work ---- */

static void leave_expired_channels(struct edge *edge)
{
    struct channel *channel;
    while ((channel = channel_index_expired(&edge->channels, edge_now_ms(edge))) &&
           !channel->join) {
        controls_tell_leave(&edge->controls, channel);
        channel_destroy(&edge->channels, &channel);
    }
}

static void on_tick(struct loop_timer *timer)
{
    struct edge *edge = CONTAINER_OF(timer, struct edge, tick);
    timer_wheel_advance(&edge->wheel, edge_now_ms(edge));
    origin_table_expire(&edge->origins, edge_now_ms(edge));
    leave_expired_channels(edge);
    edge_check_serving(edge);
    loop_timer_start(edge->loop, timer, TICK_MS);
}

static void on_read_on(struct loop_deferred *deferred)
{
    traffic_read_on(CONTAINER_OF(deferred, struct edge, read_on));
}

static void on_flush(struct loop_deferred *deferred)
{
    traffic_flush_dirty(CONTAINER_OF(deferred, struct edge, flush));
}

void edge_check_pressure(struct edge *edge)
{
    size_t limit = edge->config->edge_event_bytes;
    bool was_pressed = edge->is_pressed;
    /* Events go by themselves, while a rest waits to be resumed: it must not be what prevents it.
     */
    size_t bytes = edge->event_bytes + min_size(edge->rest_bytes, limit / 4);
    /* An eighth must be free again, so that it does not flap. */
    edge->is_pressed =
        home_is_stuck(&edge->home) || bytes >= (was_pressed ? limit - limit / 8 : limit);
    if (was_pressed == edge->is_pressed)
        return;
    if (bytes >= limit)
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_EDGE_EVENT, 1);
    log_info(edge->is_pressed ? "reading nothing: the backend or router is behind"
                              : "reading again",
             LOG_UINT("event_bytes", bytes));
    if (!edge->is_pressed)
        traffic_resume_paused(edge);
}

void edge_check_serving(struct edge *edge)
{
    if (acceptor_is_open(&edge->acceptor) || drain_is_draining(&edge->drain) ||
        !home_is_adopted(&edge->home) || !controls_are_ready(&edge->controls))
        return;
    char address[ADDRESS_TEXT_SIZE];
    address_format(&edge->config->edge_listen, address);
    int rc = acceptor_open(&edge->acceptor);
    if (rc < 0) {
        log_error("cannot listen", LOG_TEXT("address", address), LOG_ERRNO(rc));
        lifecycle_fail(edge->lifecycle, EXIT_FAILURE);
        return;
    }
    sockets_begin(edge);
    log_info("listening", LOG_TEXT("address", address),
             LOG_UINT("port", listener_port(edge->acceptor.source.fd)));
    lifecycle_ready(edge->lifecycle);
}

/* ---- life ---- */

static void init_state(struct edge *edge)
{
    const struct config *config = edge->config;
    random_text(edge->id, EDGE_ID_LENGTH);
    list_init(&edge->clients);
    list_init(&edge->lingering);
    rate_init(&edge->handshake_rate, (int64_t)config->handshake_rate, edge_now_ms(edge));
    neighbours_init(&edge->neighbours);
    table_init(&edge->connections);
    list_init(&edge->in_order);
    list_init(&edge->dirty);
    list_init(&edge->paused);
    list_init(&edge->resuming);
    list_init(&edge->unfinished);
    stalled_init(&edge->stalled);
    channel_index_init(&edge->channels);
    origin_table_init(&edge->origins, 2 * (config->peer_timeout_ms + config->webhook_timeout_ms),
                      ORIGINS_MAX);
    timer_wheel_init(&edge->wheel, edge_now_ms(edge));
    loop_timer_init(&edge->tick, on_tick);
    loop_deferred_init(&edge->flush, on_flush);
    loop_deferred_init(&edge->read_on, on_read_on);
    edge->engine = deflate_engine_new();
    edge->rules =
        (struct frame_rules){.message_limit = config->message_limit_bytes, .engine = edge->engine};
    edge->ping_frame = shared_frame_new(FRAME_OPCODE_PING, false, (struct span){0});
    edge->read_buffer = xmalloc(TRAFFIC_READ_BYTES);
    acceptor_init(&edge->acceptor, edge);
    drain_init(&edge->drain, edge);
}

int edge_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                void **ret_actor)
{
    struct edge *edge = xcalloc(1, sizeof(*edge));
    void *actor = edge;
    edge->lifecycle = lifecycle;
    edge->loop = loop;
    edge->config = config;
    init_state(edge);
    log_set_id(edge->id);
    int rc = home_open(&edge->home, edge);
    if (rc == 0)
        rc = controls_open(&edge->controls, edge);
    if (rc < 0) {
        edge_destroy(&actor);
        return rc;
    }
    loop_timer_start(loop, &edge->tick, TICK_MS);
    *ret_actor = edge;
    return 0;
}

void edge_destroy(void **actor)
{
    struct edge *edge = *actor;
    *actor = NULL;
    if (!edge)
        return;
    loop_timer_stop(edge->loop, &edge->tick);
    loop_timer_stop(edge->loop, &edge->drain.step);
    acceptor_close(&edge->acceptor);
    client_cut_all(edge);
    linger_cut_all(edge);
    TABLE_FOR_EACH(&edge->connections, link) {
        struct connection *connection = TABLE_ENTRY(link, struct connection, link);
        connection_forget(&connection);
    }
    controls_close(&edge->controls);
    home_close(&edge->home);
    loop_undefer(&edge->flush);
    loop_undefer(&edge->read_on);
    stalled_fini(&edge->stalled);
    ASSERT(edge->rest_bytes == 0 && edge->unfinished_bytes == 0);
    channel_index_fini(&edge->channels);
    origin_table_fini(&edge->origins);
    table_fini(&edge->connections);
    neighbours_fini(&edge->neighbours);
    shared_frame_unref(&edge->ping_frame);
    deflate_engine_destroy(&edge->engine);
    free(edge->read_buffer);
    free(edge);
}

void edge_drain(void *actor)
{
    struct edge *edge = actor;
    drain_begin(&edge->drain);
}

/* Only frames that can still be whole are written, and nothing is read. */
static void close_with_restart(struct connection *connection)
{
    const struct close_row *row = close_row(CLOSE_RESTART);
    if (connection->fd < 0)
        return;
    if (connection->stage == STAGE_OPEN) {
        struct shared_frame *frame = shared_frame_new_close(row->code, span_text(row->text));
        size_t written;
        outbox_drop_unsent(&connection->outbox);
        outbox_push(&connection->outbox, frame);
        shared_frame_unref(&frame);
        (void)!outbox_write(&connection->outbox, connection->fd, &written);
    }
    /* Bytes left unread would turn the end into a reset that overtakes the frame. */
    (void)recv(connection->fd, NULL, SIZE_MAX >> 1, MSG_DONTWAIT | MSG_TRUNC);
    shutdown(connection->fd, SHUT_WR);
}

void edge_die(struct edge *edge, const char *why)
{
    log_error("this edge is dead, and ends to be started again", LOG_TEXT("why", why),
              LOG_UINT("connections", edge->connections.count));
    TABLE_FOR_EACH(&edge->connections, link)
        close_with_restart(TABLE_ENTRY(link, struct connection, link));
    _exit(EXIT_FROZEN);
}

void edge_frozen(void *actor)
{
    edge_die(actor, "it was frozen");
}

void edge_check_ready(void *actor, struct readiness *readiness)
{
    const struct edge *edge = actor;
    if (!home_is_adopted(&edge->home))
        readiness_add(readiness, "no home router");
    if (!controls_are_ready(&edge->controls))
        readiness_add(readiness, "not every control has welcomed and heard this edge");
    if (!acceptor_is_open(&edge->acceptor) && !drain_is_draining(&edge->drain))
        readiness_add(readiness, "not listening yet");
    if (edge->is_pressed)
        readiness_add(readiness, "too far behind");
}

static size_t queued_for_clients(const struct edge *edge)
{
    size_t bytes = 0;
    TABLE_FOR_EACH(&edge->connections, link)
        bytes += TABLE_ENTRY(link, struct connection, link)->outbox.bytes;
    return bytes;
}

void edge_measure(void *actor)
{
    const struct edge *edge = actor;
    metric_set(METRIC_CONNECTIONS, (int64_t)edge->in_stage[STAGE_OPEN]);
    metric_set(METRIC_CONNECTIONS_PENDING, (int64_t)edge->in_stage[STAGE_PENDING]);
    metric_set(METRIC_SEND_QUEUED, (int64_t)queued_for_clients(edge));
    metric_set(METRIC_CHANNELS, (int64_t)edge->channels.nonempty);
    metric_set(METRIC_SUBSCRIPTIONS, (int64_t)edge->channels.subscriptions);
    metric_set(METRIC_EVENTS_QUEUED, (int64_t)edge->event_count);
    metric_set(METRIC_EVENTS_QUEUED_BYTES, (int64_t)(edge->event_bytes + edge->rest_bytes));
    metric_set(METRIC_EVENTS_UNFINISHED_BYTES, (int64_t)edge->unfinished_bytes);
    metric_set(METRIC_READS_PAUSED, (int64_t)edge->paused_count);
    link_set_measure(edge->home.routers, LABEL_PEER_ROUTER);
    link_set_measure(edge->controls.links, LABEL_PEER_CONTROL);
}
