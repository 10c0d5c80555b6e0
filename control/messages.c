/* What edges and workers say: a handler for each message. */
#include "common/process/log.h"
#include "control/control.h"

bool control_is_edge(const struct link *link)
{
    return span_is(link_peer_role(link), "edge");
}

static void on_roll(struct control *control, struct link *link, const struct wire_message *message)
{
    (void)link;
    if (roll_update(&control->roll, &message->as.roll, loop_now_ms(control->loop)))
        control_apply_roll(control);
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
    control_warm_up(control);
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

void control_on_message(void *context, struct link *link, const struct wire_message *message)
{
    static struct log_limit limit;
    message_handler *const *handlers = control_is_edge(link) ? edge_handlers : worker_handlers;

    if (!link_data(link))
        return;
    if (handlers[message->id])
        handlers[message->id](context, link, message);
    else
        log_limited(&limit, LOG_LEVEL_WARNING, "message not for us",
                    LOG_TEXT("message", message_name(message->id)),
                    LOG_SPAN("peer", link_peer_name(link)));
}
