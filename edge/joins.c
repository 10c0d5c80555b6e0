#include "edge/joins.h"

#include <stdlib.h>

#include "edge/controls.h"
#include "edge/edge.h"

struct join {
    struct channel *channel;
    uint32_t controls; /* that have not received it */
    struct held_receipt {
        struct control *control;
        uint64_t number; /* of the command; 0: it is a WATCH */
    } * held;
    size_t held_count, held_capacity;
};

static void finish(struct controls *controls, struct join *join)
{
    join->channel->join = NULL;
    for (size_t i = 0; i < join->held_count; i++) {
        struct held_receipt *held = &join->held[i];
        held->control->references--;
        if (held->number > 0)
            receipts_add(&controls->receipts, held->control, held->number);
        else
            controls_tell_watching(held->control, join->channel);
    }
    free(join->held);
    free(join);
}

static void count_off(struct controls *controls, struct join *join)
{
    ASSERT(join->controls > 0);
    if (--join->controls == 0)
        finish(controls, join);
}

/* What is done makes room, when it is so much that moving the rest costs little. */
static void make_room(struct control *control)
{
    if (control->wait_count < control->wait_capacity)
        return;
    if (control->waits_done > control->wait_count / 2) {
        control->wait_count -= control->waits_done;
        memmove(control->waits, control->waits + control->waits_done,
                control->wait_count * sizeof(*control->waits));
        control->waits_done = 0;
        return;
    }
    control->wait_capacity = max_size(control->wait_capacity * 2, 8);
    control->waits = xrealloc(control->waits, control->wait_capacity * sizeof(*control->waits));
}

static void wait_for(struct control *control, struct join *join, uint64_t number)
{
    make_room(control);
    control->waits[control->wait_count++] = (struct join_wait){.number = number, .join = join};
    join->controls++;
}

void joins_begin(struct controls *controls, struct channel *channel)
{
    const struct message_join message = {.channel = channel_name(channel)};
    struct join *join = xcalloc(1, sizeof(*join));
    ASSERT(!channel->join);
    join->channel = channel;
    for (struct link *link = link_set_first(controls->links); link;
         link = link_set_next(controls->links, link)) {
        struct control *control = link_data(link);
        if (!control)
            continue;
        struct buffer *packet = link_packet(link);
        uint64_t number = link_number(link);
        wire_put_join(packet, &message);
        if (!link_is_silent(link)) /* else nobody would release it */
            wait_for(control, join, number);
    }
    if (join->controls > 0)
        channel->join = join;
    else
        free(join);
}

void joins_hold(struct join *join, struct control *control, uint64_t number)
{
    if (join->held_count == join->held_capacity) {
        join->held_capacity = max_size(join->held_capacity * 2, 1);
        join->held = xrealloc(join->held, join->held_capacity * sizeof(*join->held));
    }
    join->held[join->held_count++] = (struct held_receipt){.control = control, .number = number};
    control->references++;
}

void joins_hold_watch(struct join *join, struct control *control)
{
    joins_hold(join, control, 0);
}

void joins_received(struct controls *controls, struct control *control, uint64_t number)
{
    while (control->waits_done < control->wait_count &&
           control->waits[control->waits_done].number <= number)
        count_off(controls, control->waits[control->waits_done++].join);
}

void joins_release(struct controls *controls, struct control *control)
{
    joins_received(controls, control, UINT64_MAX);
}
