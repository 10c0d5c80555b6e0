#include "edge/drain.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "edge/batch.h"
#include "edge/edge.h"
#include "edge/opening.h"

static int64_t elapsed_ms(const struct drain *drain)
{
    return edge_now_ms(drain->edge) - drain->began_ms;
}

int64_t drain_limit_ms(const struct config *config)
{
    return config->drain_ms + 3 * config->close_timeout_ms + 2 * config->peer_timeout_ms;
}

static size_t clients_left(const struct edge *edge)
{
    return edge->in_stage[STAGE_OPEN] + edge->in_stage[STAGE_PENDING];
}

/* Closes one connection; false when it has no client that could be. A handshake that waits may
 * still be accepted, until the last moment. */
static bool close_one(struct connection *connection, bool is_last_moment)
{
    if (connection->stage == STAGE_OPEN)
        connection_close(connection, CLOSE_GOING_AWAY, 0, (struct span){0});
    else if (connection->stage == STAGE_PENDING && is_last_moment)
        opening_answer(connection, 503);
    else
        return false;
    return true;
}

/* Goes on where the last time ended; and after the end, for those who were accepted meanwhile, from
 * the beginning. */
static void close_some(struct drain *drain, size_t wanted, bool is_last_moment)
{
    const struct table *connections = &drain->edge->connections;
    struct table_link *link = table_first_from(connections, drain->bucket);
    for (; link && wanted > 0; link = table_next(connections, link)) {
        drain->bucket = table_bucket(connections, link);
        if (close_one(TABLE_ENTRY(link, struct connection, link), is_last_moment))
            wanted--;
    }
    if (!link)
        drain->bucket = 0;
}

/* So many that the rest is spread evenly over the rest of the time; in the end all. */
static void close_share(struct drain *drain)
{
    const struct edge *edge = drain->edge;
    int64_t left_ms = edge->config->drain_ms - elapsed_ms(drain);
    size_t open = edge->in_stage[STAGE_OPEN];
    if (left_ms <= DRAIN_STEP_MS) {
        drain->bucket = 0;
        close_some(drain, SIZE_MAX, true);
    } else if (open > 0) {
        close_some(drain, open * DRAIN_STEP_MS / (size_t)left_ms + 1, false);
    }
}

/* The first CLOSE_TIMEOUT is the clients', for their answers; the second the backend's. */
static bool is_overdue(const struct drain *drain)
{
    return edge_now_ms(drain->edge) - drain->told_ms >= 2 * drain->edge->config->close_timeout_ms;
}

/* False: not all could be sent yet. */
static bool say_leaving(struct drain *drain)
{
    struct home *home = &drain->edge->home;
    const struct message_leaving leaving = {0};
    if (!batch_hand_over(home))
        return false;
    struct buffer *packet = home_packet(home);
    drain->left_number = link_number(home->link);
    drain->left_session = home->session;
    wire_put_leaving(packet, &leaving);
    return true;
}

static bool has_left(const struct drain *drain)
{
    const struct home *home = &drain->edge->home;
    return home->link && drain->left_session == home->session &&
           link_received(home->link) >= drain->left_number;
}

static void advance(struct drain *drain)
{
    struct edge *edge = drain->edge;
    if (drain->stage == DRAIN_CLOSING_CLIENTS) {
        close_share(drain);
        if (clients_left(edge) == 0) {
            drain->stage = DRAIN_DELIVERING;
            drain->told_ms = edge_now_ms(edge);
            log_info("all clients are told to go",
                     LOG_UINT("connections", edge->connections.count));
        }
    }
    if (drain->stage == DRAIN_DELIVERING && (edge->connections.count == 0 || is_overdue(drain))) {
        drain->stage = DRAIN_LEAVING;
        log_info("leaving", LOG_UINT("events", edge->event_count));
    }
    if (drain->stage == DRAIN_LEAVING && drain->left_session != edge->home.session)
        (void)say_leaving(drain);
}

/* Nobody is there to leave from, and nothing for anybody to take over. */
static bool is_alone(const struct edge *edge)
{
    bool has_home = edge->home.link && !home_is_missing(&edge->home);
    return !has_home && edge->connections.count == 0;
}

/* True when there is nothing more to be done here. While no router takes over what is left, one may
 * still come back: only the limit ends that. */
static bool is_over(struct drain *drain)
{
    struct edge *edge = drain->edge;
    if (drain->stage != DRAIN_LEAVING)
        return false;
    if (has_left(drain) || is_alone(edge)) {
        log_info("drained", LOG_INT("ms", elapsed_ms(drain)));
        lifecycle_stopped(edge->lifecycle);
        return true;
    }
    return false;
}

static void on_step(struct loop_timer *timer)
{
    struct drain *drain = CONTAINER_OF(timer, struct drain, step);
    advance(drain);
    if (!is_over(drain))
        loop_timer_start(drain->edge->loop, timer, DRAIN_STEP_MS);
}

void drain_init(struct drain *drain, struct edge *edge)
{
    *drain = (struct drain){.edge = edge};
    loop_timer_init(&drain->step, on_step);
}

void drain_begin(struct drain *drain)
{
    struct edge *edge = drain->edge;
    if (drain_is_draining(drain))
        return;
    drain->stage = DRAIN_CLOSING_CLIENTS;
    drain->began_ms = edge_now_ms(edge);
    acceptor_close(&edge->acceptor);
    log_info("draining", LOG_UINT("clients", clients_left(edge)),
             LOG_INT("seconds", edge->config->drain_ms / 1000));
    loop_timer_start(edge->loop, &drain->step, 0);
}
