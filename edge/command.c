#include "edge/command.h"

#include "common/base/clock.h"
#include "common/contract/command.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "edge/controls.h"
#include "edge/edge.h"
#include "edge/facts.h"
#include "edge/joins.h"
#include "edge/message.h"
#include "edge/opening.h"
#include "edge/polls.h"
#include "edge/receipts.h"
#include "edge/traffic.h"
#include "edge/watch.h"

enum { PREFETCHED = 4 }; /* members ahead of the one that gets a frame */

/* What a handler gets: where it is, who asked, and what for. */
struct order {
    struct edge *edge;
    struct control *control;
    const struct message_command *command;
    const struct record_command_body *body;
};

static struct connection *target_connection(const struct order *order)
{
    return connection_find(order->edge, order->body->target);
}

static struct connection *open_target(const struct order *order)
{
    struct connection *connection = target_connection(order);
    return connection && connection->stage == STAGE_OPEN ? connection : NULL;
}

static uint16_t close_code(const struct record_command_body *body)
{
    return !rules_check_close_code((int64_t)body->code) ? (uint16_t)body->code
                                                        : RULES_CLOSE_CODE_DEFAULT;
}

static void apply_accept(const struct order *order)
{
    struct connection *connection = target_connection(order);
    if (connection)
        opening_accept(connection, order->body);
}

/* A status marks the CLOSE that is the backend's answer to OPEN; any other CLOSE of a pending
 * connection is one of a connection that is not open. */
static void apply_close(const struct order *order)
{
    struct connection *connection = target_connection(order);
    if (connection && connection->stage == STAGE_PENDING && order->body->status > 0)
        opening_refuse(connection, order->body);
    else if (connection && connection->stage == STAGE_OPEN)
        connection_close(connection, CLOSE_BACKEND, close_code(order->body), order->body->data);
}

static bool send_to(struct connection *connection, struct message *message)
{
    struct edge *edge = connection->edge;
    return traffic_send(connection, message_frame(message, edge->engine, connection->window_bits));
}

static void count_sent(enum frame_opcode opcode, size_t count)
{
    metric_add_label(METRIC_FRAMES_OUT,
                     opcode == FRAME_OPCODE_TEXT ? LABEL_FRAME_TEXT : LABEL_FRAME_BINARY,
                     (int64_t)count);
    metric_add(METRIC_DELIVERIES, (int64_t)count);
}

static void send_one(const struct order *order, enum frame_opcode opcode)
{
    struct connection *connection = open_target(order);
    struct message message;
    if (!connection)
        return;
    message_init(&message, opcode, order->body->data);
    count_sent(opcode, send_to(connection, &message) ? 1 : 0);
    message_fini(&message);
}

static void apply_text(const struct order *order)
{
    send_one(order, FRAME_OPCODE_TEXT);
}

static void apply_binary(const struct order *order)
{
    send_one(order, FRAME_OPCODE_BINARY);
}

static struct connection *connection_of(struct memberships *memberships)
{
    return CONTAINER_OF(memberships, struct connection, memberships);
}

/* Backwards, because a member that is too slow leaves the channel, and the last one, who has been
 * served, takes its place. */
static void publish(const struct order *order, enum frame_opcode opcode)
{
    struct channel *channel = channel_find(&order->edge->channels, order->body->target);
    struct message message;
    if (!channel)
        return;
    watch_tell(order->edge, channel, opcode == FRAME_OPCODE_BINARY, order->body->data,
               order->command->published_us);
    if (channel->count == 0)
        return;
    size_t sent = 0;
    message_init(&message, opcode, order->body->data);
    for (uint32_t i = channel->count; i-- > 0;) {
        if (i >= PREFETCHED)
            connection_prefetch(connection_of(channel->members[i - PREFETCHED].of));
        sent += send_to(connection_of(channel->members[i].of), &message);
    }
    message_fini(&message);
    count_sent(opcode, sent);
}

static void apply_publish_text(const struct order *order)
{
    publish(order, FRAME_OPCODE_TEXT);
}

static void apply_publish_binary(const struct order *order)
{
    publish(order, FRAME_OPCODE_BINARY);
}

static bool is_one_too_many(const struct connection *connection, struct span channel)
{
    const struct edge *edge = connection->edge;
    return connection->memberships.count >= edge->config->max_subscriptions &&
           !channel_has(&edge->channels, &connection->memberships, channel);
}

/* No command is refused here, so a member of too many channels cannot stay: it would miss what is
 * published to the last one. */
static void apply_subscribe(const struct order *order)
{
    struct connection *connection = open_target(order);
    struct channel *channel;
    if (!connection)
        return;
    if (is_one_too_many(connection, order->body->channel)) {
        connection_close(connection, CLOSE_TOO_MANY_SUBSCRIPTIONS, 0, (struct span){0});
        return;
    }
    enum channel_subscribed result = channel_subscribe(
        &order->edge->channels, &connection->memberships, order->body->channel, &channel);
    if (result == CHANNEL_FIRST_MEMBER)
        joins_begin(&order->edge->controls, channel);
    if (result != CHANNEL_ALREADY_MEMBER)
        facts_tell_subscribed(connection, order->body->channel);
}

static void apply_unsubscribe(const struct order *order)
{
    struct connection *connection = open_target(order);
    if (connection && channel_unsubscribe(&order->edge->channels, &connection->memberships,
                                          order->body->channel, edge_now_ms(order->edge)))
        facts_tell_unsubscribed(connection, order->body->channel);
}

static void apply_set_metadata(const struct order *order)
{
    struct connection *connection = open_target(order);
    if (!connection)
        return;
    connection_set_metadata(connection, order->body->data);
    facts_tell_metadata(connection);
}

/* Each close takes its member out of the channel. */
static void apply_close_channel(const struct order *order)
{
    struct channel *channel = channel_find(&order->edge->channels, order->body->target);
    while (channel && channel->count > 0)
        connection_close(connection_of(channel->members[channel->count - 1].of), CLOSE_BACKEND,
                         close_code(order->body), order->body->data);
}

static void apply_poll(const struct order *order)
{
    polls_watch(&order->edge->controls, order->control, order->command->number,
                target_connection(order));
}

static void (*const handlers[])(const struct order *order) = {
    [COMMAND_ACCEPT] = apply_accept,
    [COMMAND_CLOSE] = apply_close,
    [COMMAND_TEXT] = apply_text,
    [COMMAND_BINARY] = apply_binary,
    [COMMAND_SUBSCRIBE] = apply_subscribe,
    [COMMAND_UNSUBSCRIBE] = apply_unsubscribe,
    [COMMAND_SET_METADATA] = apply_set_metadata,
    [COMMAND_PUBLISH_TEXT] = apply_publish_text,
    [COMMAND_PUBLISH_BINARY] = apply_publish_binary,
    [COMMAND_CLOSE_CHANNEL] = apply_close_channel,
    [COMMAND_POLL_FOR_CONNECTION] = apply_poll,
};
_Static_assert(ARRAY_LENGTH(handlers) == COMMAND_TYPE_COUNT, "one handler for each command");

static bool delivers(uint64_t type)
{
    return type == COMMAND_TEXT || type == COMMAND_BINARY || type == COMMAND_PUBLISH_TEXT ||
           type == COMMAND_PUBLISH_BINARY;
}

static void observe_delay(const struct order *order)
{
    if (order->command->published_us == 0 || !delivers(order->body->type))
        return;
    int64_t delay_us = clock_realtime_us() - (int64_t)order->command->published_us;
    metric_observe(METRIC_DELIVERY_DELAY, delay_us > 0 ? delay_us : 0);
}

static bool is_new(const struct order *order)
{
    struct edge *edge = order->edge;
    struct span origin = order->command->origin;
    uint64_t first = order->command->origin_first;
    uint64_t index = order->body->index < UINT32_MAX ? order->body->index : UINT32_MAX - 1;
    /* A question changes nothing and wants its answer each time. */
    if (origin.length == 0 || order->body->type == COMMAND_POLL_FOR_CONNECTION)
        return true;
    struct connection *own = connection_find(edge, origin);
    if (own)
        return origin_mark_advance(&own->origin, first, index);
    return origin_table_advance(&edge->origins, origin, first, index, edge_now_ms(edge));
}

static void carry_out(const struct order *order)
{
    static struct log_limit limit;
    uint64_t type = order->body->type;
    if (type >= COMMAND_TYPE_COUNT) {
        log_limited(&limit, LOG_LEVEL_WARNING, "command of a newer version has no effect",
                    LOG_UINT("type", type));
        return;
    }
    if (!is_new(order)) {
        metric_add(METRIC_COMMANDS_REPEATED, 1);
        return;
    }
    metric_add_label(METRIC_COMMANDS, (unsigned int)type, 1);
    handlers[type](order);
    observe_delay(order);
}

/* A SUBSCRIBE is not done before all controls know of the channel, whether this one or an earlier
 * one has brought it its first member. */
static void receipt(const struct order *order)
{
    uint64_t number = order->command->number;
    const struct channel *channel = NULL;
    if (order->body && order->body->type == COMMAND_SUBSCRIBE)
        channel = channel_find(&order->edge->channels, order->body->channel);
    if (channel && channel->join)
        joins_hold(channel->join, order->control, number);
    else
        receipts_add(&order->edge->controls.receipts, order->control, number);
}

void command_apply(struct edge *edge, struct control *control,
                   const struct message_command *command)
{
    struct order order = {
        .edge = edge,
        .control = control,
        .command = command,
        .body = command->body.count > 0 ? &command->body.items[0] : NULL,
    };
    if (command->number <= control->applied) {
        metric_add(METRIC_COMMANDS_REPEATED, 1);
    } else {
        control->applied = command->number;
        if (order.body)
            carry_out(&order);
    }
    receipt(&order);
}
