#include "common/wire/session.h"

#include <assert.h>
#include <errno.h>

#include "common/base/random.h"
#include "common/process/log.h"

enum {
    ACKNOWLEDGE_MS = 20, /* longest time the peer waits to hear what we have received … */
    ACKNOWLEDGE_PACKETS = 64,
    ACKNOWLEDGE_BYTES = 256 << 10,
    HEADER_BYTES = 64 + WIRE_NAME_BYTES + 1, /* at most: the header, and a topic before it */
    KEPT_PACKET_BYTES = 1 << 20,             /* memory a link keeps for the packet it gathers */
};

/* One message with the largest payload there is, its details and a begun packet fit a frame. */
static_assert(LINK_FRAME_BYTES >=
                  (size_t)WIRE_DATA_BYTES + (size_t)4 * WIRE_JSON_BYTES + LINK_PACKET_BYTES,
              "ZMQ_MAXMSGSIZE would cut legal messages");

/* ---- sending ---- */

static size_t put_header(struct link *link, uint64_t number)
{
    struct buffer *header = &link->set->header;
    buffer_clear(header);
    uint64_t sent = link->sender.sent > number ? link->sender.sent : number;
    packet_header_put(header, &(struct packet_header){
                                  .version = WIRE_VERSION,
                                  .from = link->session,
                                  .to = link->peer_session,
                                  .number = number,
                                  .sent = sent,
                                  .received = link->receiver.next - 1,
                              });
    return header->length;
}

static int send_packet(struct link *link, enum link_path path, uint64_t number, struct span body)
{
    struct link_set *set = link->set;
    size_t length = put_header(link, number) + body.length;
    int rc = set->transport->send(link, path, buffer_span(&set->header), body);
    if (rc < 0)
        return rc;
    set->counters.packets_sent++;
    set->counters.published += path == LINK_PATH_PUBLISH;
    set->counters.bytes_sent += length;
    link_traffic(link)->packets_sent++;
    link_traffic(link)->bytes_sent += length;
    link->sent_ms = loop_now_ms(set->loop);
    stream_receiver_told(&link->receiver);
    loop_timer_stop(set->loop, &link->acknowledge);
    return 0;
}

void link_say(struct link *link, const struct wire_message *message)
{
    struct buffer *body = &link->set->body;
    buffer_clear(body);
    if (message)
        wire_put_message(body, message);
    /* Lost like any packet: what it says is said again when it is still true. */
    (void)send_packet(link, LINK_PATH_DIRECT, 0, buffer_span(body));
}

/* By which path a numbered packet goes. The two are not in order with each other, so nothing is
 * published while something sent directly may still be under way: then it waits (false). */
static bool choose_path(struct link *link, uint64_t number, enum link_path *ret_path)
{
    *ret_path = LINK_PATH_DIRECT;
    bool is_repeated = number <= link->sender.sent;
    if (is_repeated || !link->set->transport->can_publish(link))
        return true;
    if (link->direct_number > stream_sender_received(&link->sender))
        return false;
    *ret_path = LINK_PATH_PUBLISH;
    return true;
}

static void pump(struct link *link, bool wait_for_path)
{
    const struct stream_packet *packet;
    uint64_t number;
    while ((packet = stream_sender_peek(&link->sender, &number))) {
        enum link_path path;
        if (!choose_path(link, number, &path) && wait_for_path)
            return;
        if (send_packet(link, path, number, span_of(packet->data, packet->length)) < 0)
            return;
        if (path == LINK_PATH_DIRECT && number > link->direct_number)
            link->direct_number = number;
        if (stream_sender_advance(&link->sender)) {
            link->set->counters.resends++;
            link_traffic(link)->resends++;
        }
    }
}

void link_pump(struct link *link)
{
    if (link_is_up(link))
        pump(link, true);
}

void link_path_lost(struct link *link)
{
    int rc = stream_sender_rewind(&link->sender, 0);
    ASSERT(rc == 0);
    link_pump(link);
}

static void close_packet(struct link *link)
{
    if (link->packet.length > LINK_FRAME_BYTES - HEADER_BYTES)
        link->is_broken = true;
    if (link->packet.length == 0 || link->is_broken)
        return;
    stream_sender_push(&link->sender, buffer_span(&link->packet));
    if (link->packet.capacity > KEPT_PACKET_BYTES)
        buffer_fini(&link->packet);
    buffer_clear(&link->packet);
}

void link_split_packet(struct link *link)
{
    if (link->packet.length < LINK_PACKET_BYTES)
        return;
    close_packet(link);
    link_pump(link);
}

/* One packet above the bound is no reason to despair; a peer that does not receive is. */
static bool has_overflown(const struct link *link)
{
    return link->is_broken || (link->sender.bytes / 2 > link->set->options.buffer_bytes &&
                               stream_sender_count(&link->sender) > 1);
}

static void flush(struct loop_deferred *deferred)
{
    struct link *link = CONTAINER_OF(deferred, struct link, flush);
    if (!link_is_up(link))
        return;
    close_packet(link);
    if (has_overflown(link)) {
        link->set->counters.overflows++;
        link_finish(link, LINK_END_OVERFLOW);
        return;
    }
    link_pump(link);
    if (link->receiver.owed_packets > 0)
        link_say(link, NULL);
}

void link_say_farewell(struct link *link)
{
    if (!link_is_up(link))
        return;
    close_packet(link);
    pump(link, false); /* there is no time to wait for the better path */
    link_say(link, &(struct wire_message){.id = MESSAGE_BYE});
}

/* ---- the session ---- */

static void on_acknowledge(struct loop_timer *timer)
{
    link_say(CONTAINER_OF(timer, struct link, acknowledge), NULL);
}

static void ask_for_missing(struct link *link)
{
    struct link_set *set = link->set;
    if (!stream_receiver_asks(&link->receiver, set->options.heartbeat_ms / 2,
                              loop_now_ms(set->loop)))
        return;
    set->counters.gaps++;
    link_say(link, &(struct wire_message){
                       .id = MESSAGE_RESEND,
                       .as.resend = {.from = link->receiver.next},
                   });
}

static void notice_silence(struct link *link)
{
    const struct link_set *set = link->set;
    if (link->silence_told || !link_is_silent(link))
        return;
    link->silence_told = true;
    link_traffic(link)->lost++;
    if (set->options.handlers.on_silent)
        set->options.handlers.on_silent(set->options.context, link);
}

static void on_tick(struct loop_timer *timer)
{
    struct link *link = CONTAINER_OF(timer, struct link, tick);
    struct link_set *set = link->set;
    loop_timer_start(set->loop, &link->tick, set->tick_ms);
    if (link_is_up(link)) {
        int64_t idle_ms = loop_now_ms(set->loop) - link->sent_ms;
        link_pump(link);
        ask_for_missing(link);
        if (idle_ms > set->options.heartbeat_ms - set->tick_ms)
            link_say(link, NULL);
        notice_silence(link);
    }
    if (link->state != LINK_DEAD)
        set->transport->tick(link);
}

void link_init(struct link *link, struct link_set *set)
{
    link->set = set;
    link->session = random_nonzero_u64();
    link->heard_ms = loop_now_ms(set->loop);
    link->sent_ms = loop_now_ms(set->loop);
    stream_sender_init(&link->sender);
    stream_receiver_init(&link->receiver);
    loop_deferred_init(&link->flush, flush);
    loop_timer_init(&link->acknowledge, on_acknowledge);
    loop_timer_init(&link->tick, on_tick);
    link->peer = LABEL_PEER_UNKNOWN;
    list_append(&set->links, &link->link);
    loop_timer_start(set->loop, &link->tick, set->tick_ms);
}

void link_fini(struct link *link)
{
    loop_undefer(&link->flush);
    loop_timer_stop(link->set->loop, &link->acknowledge);
    loop_timer_stop(link->set->loop, &link->tick);
    stream_sender_fini(&link->sender);
    buffer_fini(&link->packet);
    list_remove(&link->link);
}

static void copy_name(char to[WIRE_NAME_BYTES + 1], struct span from)
{
    ASSERT(from.length <= WIRE_NAME_BYTES);
    memcpy(to, from.data, from.length);
    to[from.length] = '\0';
}

void link_begin(struct link *link, uint64_t peer_session, struct span peer_name,
                struct span peer_role)
{
    ASSERT(link->state == LINK_GREETING);
    struct link_set *set = link->set;
    link->state = LINK_UP;
    link->end = LINK_END_NONE;
    link->peer_session = peer_session;
    link->heard_ms = loop_now_ms(set->loop);
    link->silence_told = false;
    copy_name(link->peer_name, peer_name);
    copy_name(link->peer_role, peer_role);
    link->peer = link_peer_label(peer_role);
    link_traffic(link)->was_there = true;
    set->up_count++;
    set->options.handlers.on_up(set->options.context, link);
}

void link_finish(struct link *link, enum link_end end)
{
    if (!link_is_up(link))
        return;
    struct link_set *set = link->set;
    link->state = LINK_GREETING;
    link->end = end;
    link->session = random_nonzero_u64();
    link->peer_session = 0;
    link->direct_number = 0;
    stream_sender_fini(&link->sender);
    stream_receiver_init(&link->receiver);
    buffer_clear(&link->packet);
    link->is_broken = false;
    loop_timer_stop(set->loop, &link->acknowledge);
    set->up_count--;
    set->transport->ended(link);
    set->options.handlers.on_down(set->options.context, link);
}

void link_bury(struct link *link)
{
    ASSERT(!link_is_up(link));
    link->state = LINK_DEAD;
    loop_defer(link->set->loop, &link->set->reap);
}

/* ---- receiving ---- */

bool link_set_take_header(struct link_set *set, struct span *frame,
                          struct packet_header *ret_header)
{
    set->counters.packets_received++;
    set->counters.bytes_received += frame->length;
    set->frame_bytes = frame->length;
    int rc = packet_header_take(frame, ret_header);
    if (rc == -ENOTSUP)
        set->counters.newer++;
    else if (rc < 0)
        set->counters.malformed++;
    return rc == 0;
}

bool link_set_take_message(struct link_set *set, struct span *rest,
                           struct wire_message *ret_message)
{
    int rc = wire_decode_next(&set->decoder, rest, ret_message);
    if (rc == 0)
        set->counters.messages_received[message_index(ret_message->id)]++;
    else if (rc == -ENOTSUP)
        set->counters.unknown++;
    else
        set->counters.malformed++;
    return rc == 0;
}

bool link_set_take_session_message(struct link_set *set, struct span messages,
                                   struct wire_message *ret_message)
{
    wire_decoder_reset(&set->decoder);
    return link_set_take_message(set, &messages, ret_message);
}

/* A callback may have ended the session, or ended it and begun another. */
static bool is_still(const struct link *link, uint64_t session)
{
    return link_is_up(link) && link->session == session;
}

static bool is_session_message(enum message_id id)
{
    return id <= MESSAGE_BYE;
}

static void on_session_message(struct link *link, const struct wire_message *message)
{
    if (message->id == MESSAGE_RESEND) {
        if (stream_sender_rewind(&link->sender, message->as.resend.from) < 0)
            link->set->counters.malformed++;
        link_pump(link);
    } else if (message->id == MESSAGE_BYE) {
        link_finish(link, LINK_END_BYE);
    } else if (message->id == MESSAGE_RESYNC) {
        link->set->counters.resyncs++;
        link_finish(link, LINK_END_RESYNC);
    } else if (!is_session_message(message->id)) {
        link->set->counters.malformed++;
    } /* else a HELLO or WELCOME that was said twice */
}

/* The rest of its packet is lost, and will not be sent again. */
static void complain(const struct link *link)
{
    static struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_ERROR, "a peer said something that makes no sense",
                LOG_TEXT("peer", link->peer_name));
}

static void deliver(struct link *link, struct span rest)
{
    struct link_set *set = link->set;
    uint64_t session = link->session;
    while (rest.length > 0 && is_still(link, session)) {
        struct wire_message message;
        size_t before = rest.length;
        if (!link_set_take_message(set, &rest, &message)) {
            if (rest.length == before) {
                complain(link);
                return;
            }
        } else if (is_session_message(message.id)) {
            set->counters.malformed++;
        } else {
            set->options.handlers.on_message(set->options.context, link, &message);
        }
    }
}

static void schedule_acknowledgement(struct link *link)
{
    struct loop *loop = link->set->loop;
    if (link->receiver.owed_packets >= ACKNOWLEDGE_PACKETS ||
        link->receiver.owed_bytes >= ACKNOWLEDGE_BYTES)
        loop_defer(loop, &link->flush);
    else if (link->receiver.owed_packets > 0 && !loop_timer_is_running(&link->acknowledge))
        loop_timer_start(loop, &link->acknowledge, ACKNOWLEDGE_MS);
}

static void receive_numbered(struct link *link, uint64_t number, struct span messages)
{
    struct link_set *set = link->set;
    uint64_t session = link->session;
    switch (
        stream_receiver_take(&link->receiver, number, messages.length, loop_now_ms(set->loop))) {
    case STREAM_DELIVER:
        deliver(link, messages);
        break;
    case STREAM_DUPLICATE:
        set->counters.duplicates++;
        break;
    case STREAM_GAP:
        break;
    }
    if (is_still(link, session))
        schedule_acknowledgement(link);
}

/* False when the session did not survive it. */
static bool take_acknowledgement(struct link *link, uint64_t received)
{
    const struct link_set *set = link->set;
    uint64_t session = link->session;
    int rc = stream_sender_acknowledge(&link->sender, received);
    if (rc == 1 && set->options.handlers.on_received)
        set->options.handlers.on_received(set->options.context, link);
    if (rc == 1 && is_still(link, session))
        link_pump(link);
    return is_still(link, session);
}

static void receive(struct link *link, const struct packet_header *header, struct span messages)
{
    struct link_set *set = link->set;
    uint64_t session = link->session;
    if (header->number > header->sent || header->received > link->sender.sent) {
        set->counters.malformed++;
        return;
    }
    link->heard_ms = loop_now_ms(set->loop);
    link->silence_told = false;
    wire_decoder_reset(&set->decoder);
    if (!take_acknowledgement(link, header->received))
        return;
    stream_receiver_note_sent(&link->receiver, header->sent, loop_now_ms(set->loop));
    struct wire_message message;
    if (header->number > 0)
        receive_numbered(link, header->number, messages);
    else if (messages.length > 0 && link_set_take_message(set, &messages, &message))
        on_session_message(link, &message);
    if (is_still(link, session))
        ask_for_missing(link);
}

void link_receive(struct link *link, const struct packet_header *header, struct span messages)
{
    struct link_set *set = link->set;
    struct link_traffic *traffic = link_traffic(link); /* a callback may begin another session */
    const uint64_t malformed = set->counters.malformed, resyncs = set->counters.resyncs;
    traffic->packets_received++;
    traffic->bytes_received += set->frame_bytes;
    receive(link, header, messages);
    traffic->malformed += set->counters.malformed - malformed;
    traffic->resyncs += set->counters.resyncs - resyncs;
}
