#include "edge/watch.h"

#include <stdlib.h>

#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/joins.h"

struct watch {
    struct list of_channel;
    struct list of_control;
    struct control *control;
    struct channel *channel;
    uint64_t missed; /* since the last one that was told */
};

static struct watch *find(const struct control *control, struct span name)
{
    LIST_FOR_EACH(&control->watches, link) {
        struct watch *watch = LIST_ENTRY(link, struct watch, of_control);
        if (span_equal(channel_name(watch->channel), name))
            return watch;
    }
    return NULL;
}

static struct watch *begin(struct edge *edge, struct control *control, struct span name)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));
    bool is_new;

    list_init(&watch->of_channel);
    list_init(&watch->of_control);
    watch->control = control;
    list_append(&control->watches, &watch->of_control);
    watch->channel = channel_watch(&edge->channels, name, &watch->of_channel, &is_new);
    if (is_new)
        joins_begin(&edge->controls, watch->channel);
    return watch;
}

static void end(struct edge *edge, struct watch *watch)
{
    channel_unwatch(&edge->channels, watch->channel, &watch->of_channel, edge_now_ms(edge));
    list_remove(&watch->of_control);
    free(watch);
}

void watch_change(struct edge *edge, struct control *control, const struct message_watch *wish)
{
    struct watch *watch = find(control, wish->channel);

    if (!wish->is_on) {
        if (watch)
            end(edge, watch);
        return;
    }
    if (!watch)
        watch = begin(edge, control, wish->channel);
    if (watch->channel->join)
        joins_hold_watch(watch->channel->join, control);
    else
        controls_tell_watching(control, watch->channel);
}

void watch_end_all(struct edge *edge, struct control *control)
{
    LIST_FOR_EACH(&control->watches, link) {
        end(edge, LIST_ENTRY(link, struct watch, of_control));
    }
}

/* Receipts go before: a link is never filled by what people look at. */
static bool has_room(const struct edge *edge, const struct control *control, size_t length)
{
    size_t room = edge->config->link_buffer_bytes / 2;
    return length <= room && link_buffered_bytes(control->link) <= room - length;
}

static void tell(const struct edge *edge, struct watch *watch, struct message_watched *message)
{
    if (!watch->control->link)
        return;
    if (!has_room(edge, watch->control, message->data.length)) {
        watch->missed++;
        metric_add(METRIC_TAILED_MISSED, 1);
        return;
    }
    message->missed = watch->missed;
    watch->missed = 0;
    wire_put_watched(link_packet(watch->control->link), message);
}

void watch_tell(struct edge *edge, const struct channel *channel, bool is_binary, struct span data,
                uint64_t published_us)
{
    struct message_watched message = {.channel = channel_name(channel),
                                      .is_binary = is_binary,
                                      .data = data,
                                      .published_us = published_us};
    LIST_FOR_EACH(&channel->watches, link) {
        tell(edge, LIST_ENTRY(link, struct watch, of_channel), &message);
    }
}
