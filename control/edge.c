#include "control/edge.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/contract/command.h"

void edge_set_init(struct edge_set *set, struct channel_map *channels, int64_t peer_timeout_ms)
{
    *set = (struct edge_set){
        .channels = channels, .peer_timeout_ms = peer_timeout_ms, .number_floor = 1};
    table_init(&set->edges);
    list_init(&set->unknown);
}

static void forget(struct edge_set *set, struct edge *edge)
{
    channel_map_forget(set->channels, &edge->holder);
    list_remove(&edge->in_unknown);
    table_remove(&set->edges, &edge->link_in_table);
    /* Should it come back, its new numbers must be above those that it has applied. */
    if (edge->outbox.next > set->number_floor)
        set->number_floor = edge->outbox.next;
    outbox_fini(&edge->outbox);
    free(edge);
}

void edge_set_fini(struct edge_set *set)
{
    EDGE_SET_FOR_EACH(set, edge) {
        forget(set, edge);
    }
    table_fini(&set->edges);
}

struct edge *edge_set_find(const struct edge_set *set, struct span id)
{
    struct table_link *link = table_find(&set->edges, id);
    return link ? TABLE_ENTRY(link, struct edge, link_in_table) : NULL;
}

struct edge *edge_set_get(struct edge_set *set, struct span id)
{
    struct edge *edge = edge_set_find(set, id);
    if (edge)
        return edge;

    ASSERT(edge_id_is_valid(id));
    edge = xcalloc(1, sizeof *edge);
    memcpy(edge->id, id.data, EDGE_ID_LENGTH);
    edge->changed_ms = clock_monotonic_ms();
    list_init(&edge->in_unknown);
    outbox_init(&edge->outbox, set->number_floor);
    list_init(&edge->polls);
    channel_holder_init(&edge->holder);
    table_insert(&set->edges, &edge->link_in_table, span_of(edge->id, EDGE_ID_LENGTH));
    return edge;
}

/* ---- the link ---- */

/* Every number that is given out, and every one that is done with, passes here: the parcel must
 * outlive them. */
static uint64_t give_number(struct edge *edge, struct parcel *parcel, size_t index)
{
    parcel->receipts++;
    return outbox_append(&edge->outbox, parcel, index);
}

static bool take_number(struct edge *edge, uint64_t number, struct outbox_entry *ret_entry)
{
    if (!outbox_receipt(&edge->outbox, number, ret_entry))
        return false;
    ASSERT(ret_entry->parcel->receipts > 0);
    ret_entry->parcel->receipts--;
    return true;
}

static void put_command(struct edge *edge, uint64_t number, const struct outbox_entry *entry)
{
    const struct parcel *parcel = entry->parcel;
    struct message_command message = {
        .number = number,
        .origin = parcel->origin,
        .origin_first = parcel->origin_first,
        .published_us = parcel->taken_in_us,
        .body = {.items = &parcel->commands[entry->index], .count = 1},
    };
    wire_put_command(link_packet(edge->link), &message);
}

void edge_flush(struct edge *edge)
{
    uint64_t number;
    struct outbox_entry entry;

    while (edge->link && !link_is_full(edge->link) &&
           outbox_take_unsent(&edge->outbox, &number, &entry))
        put_command(edge, number, &entry);
}

/* POLLED may have been lost with the old session, and the edge does not repeat it for a number that
 * it has applied; so the question is asked again under a new one. Also when the old number waits
 * for its receipt: that may have been lost in the same packet. */
static void poll_again(struct edge *edge)
{
    LIST_FOR_EACH(&edge->polls, link) {
        struct parcel *parcel = LIST_ENTRY(link, struct parcel, poll.link);
        parcel->poll.number = give_number(edge, parcel, parcel->poll.index);
    }
}

void edge_linked(struct edge *edge, struct link *link)
{
    edge->link = link;
    edge->is_announced = false;
    edge->is_gone = false;
    list_remove(&edge->in_unknown);
    channel_map_announce(&edge->holder);
    outbox_rewind(&edge->outbox);
    poll_again(edge);
    edge_flush(edge);
}

static bool is_unknown(const struct edge *edge)
{
    return !edge->link && !edge->is_on_roll && !edge->is_gone;
}

/* Somebody waits for an edge of which nobody has told us. */
static void ask_if_unknown(struct edge_set *set, struct edge *edge)
{
    if (!is_unknown(edge) || edge->outbox.waiting == 0 || list_is_linked(&edge->in_unknown))
        return;
    list_append(&set->unknown, &edge->in_unknown);
    if (set->on_unknown)
        set->on_unknown(set->context);
}

void edge_unlinked(struct edge_set *set, struct edge *edge, int64_t now_ms)
{
    edge->link = NULL;
    edge->is_announced = false;
    edge->changed_ms = now_ms;
    ask_if_unknown(set, edge);
}

/* ---- what the edge says ---- */

void edge_join(struct edge_set *set, struct edge *edge, struct span channel)
{
    if (!edge->is_gone)
        channel_map_join(set->channels, &edge->holder, channel);
}

void edge_leave(struct edge_set *set, struct edge *edge, struct span channel, uint64_t through)
{
    channel_map_leave(set->channels, &edge->holder, channel, through);
}

void edge_announced(struct edge_set *set, struct edge *edge)
{
    edge->is_announced = true;
    channel_map_announced(set->channels, &edge->holder, edge->outbox.first);
}

static void receipt_one(struct edge_set *set, struct edge *edge, uint64_t number)
{
    struct outbox_entry entry;

    if (!take_number(edge, number, &entry))
        return;
    const struct record_command_body *command = &entry.parcel->commands[entry.index];
    if (command->type == COMMAND_SUBSCRIBE && edge->is_announced)
        channel_map_subscribed(set->channels, &edge->holder, command->channel, number);
    entry.parcel->on_applied(entry.parcel, entry.index);
}

void edge_receipt(struct edge_set *set, struct edge *edge, uint64_t first, uint64_t last)
{
    if (first < edge->outbox.first)
        first = edge->outbox.first;
    /* Bounded by what was given out before: on_applied may append. */
    uint64_t end = edge->outbox.next;
    for (uint64_t number = first; number < end && number <= last; number++)
        receipt_one(set, edge, number);
}

static void end_poll(struct parcel *parcel)
{
    edge_poll_cancel(parcel);
    parcel->on_polled(parcel);
}

void edge_polled(struct edge *edge, uint64_t number)
{
    LIST_FOR_EACH(&edge->polls, link) {
        struct parcel *parcel = LIST_ENTRY(link, struct parcel, poll.link);
        if (parcel->poll.number == number) {
            end_poll(parcel);
            return;
        }
    }
}

/* ---- what the roll, or the table, says ---- */

void edge_set_on_roll(struct edge_set *set, struct edge *edge, bool is_on_roll)
{
    edge->is_on_roll = is_on_roll;
    if (!is_on_roll) {
        ask_if_unknown(set, edge);
        return;
    }
    edge->is_gone = false;
    list_remove(&edge->in_unknown);
}

void edge_vouch(struct edge *edge, int64_t now_ms)
{
    list_remove(&edge->in_unknown);
    edge->changed_ms = now_ms;
}

void edge_bury(struct edge_set *set, struct edge *edge, int64_t now_ms)
{
    struct outbox_entry entry;
    struct parcel *parcel;

    list_remove(&edge->in_unknown);
    edge->is_gone = true;
    edge->is_on_roll = false;
    edge->changed_ms = now_ms;
    channel_map_forget(set->channels, &edge->holder);
    while (edge->outbox.waiting > 0) {
        bool is_waiting = take_number(edge, edge->outbox.first, &entry);
        ASSERT(is_waiting);
        entry.parcel->on_gone(entry.parcel, entry.index);
    }
    while ((parcel = LIST_FIRST(&edge->polls, struct parcel, poll.link)))
        end_poll(parcel);
}

static bool is_needed(const struct edge *edge, int64_t now_ms)
{
    if (edge->link || edge->is_on_roll || edge->outbox.waiting > 0 || !list_is_empty(&edge->polls))
        return true;
    return edge->is_gone && now_ms - edge->changed_ms < EDGE_GONE_MS;
}

void edge_set_sweep(struct edge_set *set, int64_t now_ms)
{
    EDGE_SET_FOR_EACH(set, edge) {
        if (!is_needed(edge, now_ms))
            forget(set, edge);
        else if (now_ms - edge->changed_ms >= set->peer_timeout_ms)
            ask_if_unknown(set, edge);
    }
}

/* ---- commands ---- */

uint64_t edge_send(struct edge_set *set, struct edge *edge, struct parcel *parcel, size_t index)
{
    ASSERT(!edge->is_gone);
    const struct record_command_body *command = &parcel->commands[index];
    uint64_t number = give_number(edge, parcel, index);

    if (command->type == COMMAND_SUBSCRIBE)
        channel_map_subscribe(set->channels, &edge->holder, command->channel, number);
    edge_flush(edge);
    ask_if_unknown(set, edge);
    return number;
}

void edge_poll(struct edge_set *set, struct edge *edge, struct parcel *parcel, size_t index)
{
    ASSERT(!parcel->poll.edge);
    parcel->poll.edge = edge;
    parcel->poll.index = index;
    parcel->poll.number = edge_send(set, edge, parcel, index);
    list_append(&edge->polls, &parcel->poll.link);
}

void edge_poll_cancel(struct parcel *parcel)
{
    if (!parcel->poll.edge)
        return;
    list_remove(&parcel->poll.link);
    parcel->poll.edge = NULL;
}

bool edge_is_concerned(const struct edge_set *set, const struct edge *edge, uint64_t stamp)
{
    bool is_marked = edge->holder.stamp == stamp;

    if (edge->is_gone)
        return false;
    if (!edge->link)
        return edge->is_on_roll || is_marked;
    return is_marked || !edge->is_announced ||
           !link_is_current(edge->link, set->peer_timeout_ms / 2);
}

bool edge_is_full(const struct edge *edge)
{
    return edge->link && link_is_full(edge->link);
}
