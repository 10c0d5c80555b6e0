#include "edge/keepalive.h"

#include "edge/edge.h"
#include "edge/opening.h"
#include "edge/traffic.h"

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* When the open connection must be looked at next; INT64_MAX: never. */
static int64_t next_open_ms(const struct connection *connection)
{
    const struct config *config = connection->edge->config;
    int64_t due_ms = INT64_MAX;
    if (config->lifetime_ms > 0)
        due_ms = connection->since_ms + config->lifetime_ms;
    if (traffic_is_paused(connection))
        return due_ms;
    if (config->idle_timeout_ms > 0)
        due_ms = earlier(due_ms, connection->message_ms + config->idle_timeout_ms);
    if (config->ping_interval_ms > 0)
        due_ms = earlier(due_ms, connection->pinged_ms > 0
                                     ? connection->pinged_ms + config->ping_timeout_ms
                                     : connection->heard_ms + config->ping_interval_ms);
    return due_ms;
}

static int64_t next_ms(const struct connection *connection)
{
    const struct config *config = connection->edge->config;
    switch ((enum connection_stage)connection->stage) {
    case STAGE_PENDING:
        return connection->since_ms + config->accept_timeout_ms;
    case STAGE_OPEN:
        return next_open_ms(connection);
    case STAGE_CLOSING:
        return connection->since_ms + config->close_timeout_ms;
    case STAGE_CLOSED:
    case STAGE_TOMBSTONE:
    case STAGE_COUNT:
        break;
    }
    return INT64_MAX;
}

void keepalive_arm(struct connection *connection)
{
    struct timer_wheel *wheel = &connection->edge->wheel;
    int64_t due_ms = next_ms(connection);
    if (due_ms == INT64_MAX)
        timer_wheel_stop(wheel, &connection->timer);
    else
        timer_wheel_start(wheel, &connection->timer, due_ms);
}

void keepalive_resume(struct connection *connection)
{
    int64_t now_ms = edge_now_ms(connection->edge);
    connection->heard_ms = now_ms;
    connection->message_ms = now_ms;
    connection->pinged_ms = 0;
    keepalive_arm(connection);
}

/* True when it is still open and nothing was due but, perhaps, a ping. */
static bool open_survives(struct connection *connection, int64_t now_ms)
{
    const struct config *config = connection->edge->config;
    if (config->lifetime_ms > 0 && now_ms >= connection->since_ms + config->lifetime_ms) {
        connection_close(connection, CLOSE_LIFETIME, 0, (struct span){0});
        return false;
    }
    if (traffic_is_paused(connection))
        return true;
    if (config->idle_timeout_ms > 0 && now_ms >= connection->message_ms + config->idle_timeout_ms) {
        connection_close(connection, CLOSE_IDLE, 0, (struct span){0});
        return false;
    }
    if (config->ping_interval_ms == 0)
        return true;
    if (connection->pinged_ms > 0 && now_ms >= connection->pinged_ms + config->ping_timeout_ms) {
        connection_lose(connection, CLOSE_PING_TIMEOUT);
        return false;
    }
    if (connection->pinged_ms == 0 && now_ms >= connection->heard_ms + config->ping_interval_ms)
        traffic_ping(connection);
    return true;
}

void keepalive_on_due(struct wheel_timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, timer);
    if (connection->stage == STAGE_PENDING)
        opening_answer(connection, 504);
    else if (connection->stage == STAGE_CLOSING)
        connection_lose(connection, CLOSE_PEER_GONE);
    else if (connection->stage == STAGE_OPEN &&
             open_survives(connection, edge_now_ms(connection->edge)))
        keepalive_arm(connection);
}
