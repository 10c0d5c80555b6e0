#include "edge/controls.h"

#include <stdlib.h>

#include "common/process/log.h"
#include "common/wire/report.h"
#include "edge/command.h"
#include "edge/edge.h"
#include "edge/joins.h"
#include "edge/peers.h"
#include "edge/watch.h"

enum { FORGET_CHECK_MS = 1000 };

/* ---- controls by name ---- */

static struct control *control_of(struct controls *controls, struct span name)
{
    struct table_link *found = table_find(&controls->by_name, name);
    if (found)
        return TABLE_ENTRY(found, struct control, link_by_name);
    struct control *control = xmalloc(sizeof(*control) + name.length);
    *control = (struct control){0};
    memcpy(control->name, name.data, name.length);
    receipt_list_init(&control->receipts);
    list_init(&control->watches);
    table_insert(&controls->by_name, &control->link_by_name, span_of(control->name, name.length));
    return control;
}

static void forget(struct controls *controls, struct control *control)
{
    ASSERT(control->references == 0 && control->waits_done == control->wait_count);
    table_remove(&controls->by_name, &control->link_by_name);
    receipt_list_fini(&control->receipts);
    free(control->waits);
    free(control);
}

/* As long as an origin is remembered: nothing is repeated later than that. */
static void on_check(struct loop_timer *timer)
{
    struct controls *controls = CONTAINER_OF(timer, struct controls, check);
    struct edge *edge = controls->edge;
    TABLE_FOR_EACH(&controls->by_name, link) {
        struct control *control = TABLE_ENTRY(link, struct control, link_by_name);
        if (!control->link && control->references == 0 &&
            edge_now_ms(edge) - control->gone_ms > edge->origins.keep_ms)
            forget(controls, control);
    }
    loop_timer_start(edge->loop, timer, FORGET_CHECK_MS);
}

/* ---- what a new session begins with ---- */

static void announce(struct controls *controls, struct control *control)
{
    struct channel_index *channels = &controls->edge->channels;
    struct message_announced announced = {0};
    TABLE_FOR_EACH(&channels->by_name, found) {
        const struct message_join join = {
            .channel = channel_name(TABLE_ENTRY(found, struct channel, link))};
        wire_put_join(link_packet(control->link), &join);
        announced.channels++;
    }
    struct buffer *packet = link_packet(control->link);
    control->announced = link_number(control->link); /* with it in, the packet may be full */
    wire_put_announced(packet, &announced);
    control->is_announced = false;
}

static void part(struct controls *controls, struct control *control)
{
    watch_end_all(controls->edge, control);
    control->link = NULL;
    control->gone_ms = edge_now_ms(controls->edge);
    control->is_announced = false;
    receipt_list_clear(&control->receipts);
}

static void on_up(void *context, struct link *link)
{
    struct controls *controls = context;
    struct control *control = control_of(controls, link_peer_name(link));
    peers_log_up("control joined", link);
    if (control->link)
        link_set_data(control->link, NULL);
    joins_release(controls, control);
    part(controls, control);
    control->link = link;
    link_set_data(link, control);
    announce(controls, control);
}

static void on_down(void *context, struct link *link)
{
    struct controls *controls = context;
    struct control *control = link_data(link);
    peers_log_down("control left", link);
    link_set_data(link, NULL);
    if (!control)
        return;
    part(controls, control);
    joins_release(controls, control);
}

static void on_received(void *context, struct link *link)
{
    struct controls *controls = context;
    struct control *control = link_data(link);
    if (!control)
        return;
    joins_received(controls, control, link_received(link));
    if (!control->is_announced && link_received(link) >= control->announced) {
        control->is_announced = true;
        edge_check_serving(controls->edge);
    }
}

static void on_silent(void *context, struct link *link)
{
    struct control *control = link_data(link);
    if (control)
        joins_release(context, control);
}

static void on_refused(void *context, struct link *link, struct span reason)
{
    (void)context;
    peers_log_refused("control refuses us", link, reason);
}

static void tell_figures(struct edge *edge, struct link *link,
                         const struct message_measure *measure)
{
    const struct link_set *const connected[] = {edge->home.routers, edge->controls.links};
    edge_measure(edge);
    report_put_connected(link_packet(link), PROGRAM_EDGE, span_of(edge->id, EDGE_ID_LENGTH),
                         measure, connected, ARRAY_LENGTH(connected));
}

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    static struct log_limit limit;
    struct controls *controls = context;
    struct control *control = link_data(link);
    if (message->id == MESSAGE_MEASURE)
        tell_figures(controls->edge, link, &message->as.measure);
    else if (message->id == MESSAGE_WATCH && control)
        watch_change(controls->edge, control, &message->as.watch);
    else if (message->id != MESSAGE_COMMAND)
        log_limited(&limit, LOG_LEVEL_WARNING, "unexpected message from a control",
                    LOG_TEXT("message", message_name(message->id)));
    else if (control)
        command_apply(controls->edge, control, &message->as.command);
}

/* ---- what they are told ---- */

void controls_tell_polled(struct controls *controls, struct control *control, uint64_t number,
                          bool is_open)
{
    const struct message_polled polled = {.number = number, .is_open = is_open};
    (void)controls;
    if (control->link)
        wire_put_polled(link_packet(control->link), &polled);
}

void controls_tell_watching(struct control *control, const struct channel *channel)
{
    const struct message_watching watching = {.channel = channel_name(channel)};
    if (control->link)
        wire_put_watching(link_packet(control->link), &watching);
}

void controls_tell_leave(struct controls *controls, const struct channel *channel)
{
    for (struct link *link = link_set_first(controls->links); link;
         link = link_set_next(controls->links, link)) {
        const struct control *control = link_data(link);
        if (!control)
            continue;
        const struct message_leave leave = {.channel = channel_name(channel),
                                            .through = control->applied};
        wire_put_leave(link_packet(link), &leave);
    }
}

/* ---- the set ---- */

int controls_open(struct controls *controls, struct edge *edge)
{
    static const struct link_handlers handlers = {
        .on_up = on_up,
        .on_down = on_down,
        .on_message = on_message,
        .on_received = on_received,
        .on_silent = on_silent,
        .on_refused = on_refused,
    };
    *controls = (struct controls){.edge = edge};
    table_init(&controls->by_name);
    receipts_init(&controls->receipts, edge->loop);
    loop_timer_init(&controls->check, on_check);
    loop_timer_start(edge->loop, &controls->check, FORGET_CHECK_MS);
    return peers_connect(edge, &edge->config->control_addresses, "control", &handlers, controls,
                         &controls->links);
}

void controls_close(struct controls *controls)
{
    if (!controls->edge)
        return;
    TABLE_FOR_EACH(&controls->by_name, link) {
        struct control *control = TABLE_ENTRY(link, struct control, link_by_name);
        if (control->link)
            link_set_data(control->link, NULL);
        part(controls, control);
        joins_release(controls, control);
    }
    TABLE_FOR_EACH(&controls->by_name, link) {
        forget(controls, TABLE_ENTRY(link, struct control, link_by_name));
    }
    table_fini(&controls->by_name);
    link_set_destroy(&controls->links);
    loop_timer_stop(controls->edge->loop, &controls->check);
    receipts_fini(&controls->receipts);
}

bool controls_are_ready(const struct controls *controls)
{
    if (!link_set_is_settled(controls->links))
        return false;
    for (struct link *link = link_set_first(controls->links); link;
         link = link_set_next(controls->links, link)) {
        const struct control *control = link_data(link);
        if (!control || !control->is_announced)
            return false;
    }
    return true;
}
