#include <stdlib.h>

#include "common/base/random.h"
#include "common/wire/session.h"

enum { TICKS_PER_HEARTBEAT = 4, TICK_MINIMUM_MS = 5 };

/* ---- the set ---- */

bool link_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    return name.length > 0 && name.length <= WIRE_NAME_BYTES;
}

static void reap(struct loop_deferred *deferred)
{
    struct link_set *set = CONTAINER_OF(deferred, struct link_set, reap);
    LIST_FOR_EACH(&set->links, each) {
        struct link *link = LIST_ENTRY(each, struct link, link);
        if (link->state != LINK_DEAD)
            continue;
        link_fini(link);
        set->transport->release(link);
    }
}

void link_set_init(struct link_set *set, const struct link_transport *transport, struct loop *loop,
                   const struct link_options *options)
{
    ASSERT(link_name_is_valid(span_text(options->name)));
    *set = (struct link_set){
        .transport = transport,
        .loop = loop,
        .options = *options,
        .incarnation = random_nonzero_u64(),
        .tick_ms = options->heartbeat_ms / TICKS_PER_HEARTBEAT,
    };
    if (set->tick_ms < TICK_MINIMUM_MS)
        set->tick_ms = TICK_MINIMUM_MS;
    set->options.role = set->role = xstrdup(options->role);
    set->options.stack = set->stack = xstrdup(options->stack);
    set->options.name = set->name = xstrdup(options->name);
    list_init(&set->links);
    wire_decoder_init(&set->decoder);
    loop_deferred_init(&set->reap, reap);
}

void link_set_fini(struct link_set *set)
{
    loop_undefer(&set->reap);
    wire_decoder_fini(&set->decoder);
    buffer_fini(&set->header);
    buffer_fini(&set->body);
    free(set->role);
    free(set->stack);
    free(set->name);
}

const struct link_counters *link_set_counters(const struct link_set *set)
{
    return &set->counters;
}

static struct link *next_up(const struct link_set *set, struct list *place)
{
    for (; place != &set->links; place = place->next) {
        struct link *link = CONTAINER_OF(place, struct link, link);
        if (link_is_up(link))
            return link;
    }
    return NULL;
}

struct link *link_set_first(const struct link_set *set)
{
    return next_up(set, set->links.next);
}

struct link *link_set_next(const struct link_set *set, const struct link *link)
{
    return next_up(set, link->link.next);
}

size_t link_set_up_count(const struct link_set *set)
{
    return set->up_count;
}

/* ---- what programs ask and say ---- */

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP;
}

enum link_end link_end(const struct link *link)
{
    return link->end;
}

struct span link_peer_name(const struct link *link)
{
    return span_text(link->peer_name);
}

struct span link_peer_role(const struct link *link)
{
    return span_text(link->peer_role);
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}

void *link_data(const struct link *link)
{
    return link->data;
}

const char *link_address(const struct link *link)
{
    return link->address;
}

int64_t link_silent_ms(const struct link *link)
{
    return loop_now_ms(link->set->loop) - link->heard_ms;
}

bool link_is_silent(const struct link *link)
{
    return link_silent_ms(link) >= link->set->options.peer_timeout_ms;
}

bool link_is_current(const struct link *link, int64_t limit_ms)
{
    return link_is_up(link) && link_silent_ms(link) <= limit_ms &&
           !stream_receiver_is_missing(&link->receiver);
}

struct buffer *link_packet(struct link *link)
{
    if (!link_is_up(link)) {
        buffer_clear(&link->packet);
        return &link->packet;
    }
    link_split_packet(link);
    loop_defer(link->set->loop, &link->flush);
    return &link->packet;
}

uint64_t link_number(struct link *link)
{
    if (link_is_up(link))
        link_split_packet(link);
    return link->sender.next;
}

uint64_t link_received(const struct link *link)
{
    return stream_sender_received(&link->sender);
}

size_t link_buffered_bytes(const struct link *link)
{
    return link->sender.bytes + link->packet.length;
}

bool link_is_full(const struct link *link)
{
    return link_buffered_bytes(link) >= link->set->options.buffer_bytes;
}

void link_acknowledge_now(struct link *link)
{
    if (link_is_up(link))
        loop_defer(link->set->loop, &link->flush);
}

void link_drop(struct link *link)
{
    link_finish(link, LINK_END_DROPPED);
}

void link_set_destroy(struct link_set **set_place)
{
    struct link_set *set = *set_place;
    if (!set)
        return;
    *set_place = NULL;
    LIST_FOR_EACH(&set->links, each)
        link_say_farewell(LIST_ENTRY(each, struct link, link));
    set->transport->linger(set);
    LIST_FOR_EACH(&set->links, each) {
        struct link *link = LIST_ENTRY(each, struct link, link);
        link_fini(link);
        set->transport->release(link);
    }
    set->transport->destroy(set);
}
