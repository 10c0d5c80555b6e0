#include "common/wire/stream.h"

#include <errno.h>
#include <stdlib.h>

enum {
    FIRST_CAPACITY = 16,
    ASK_AGAIN_MS = 20,       /* first repetition of a RESEND, and the least distance of any two */
    ASK_AGAIN_PATIENCES = 4, /* longest pause between repetitions, in patiences */
};

/* ---- sender ---- */

void stream_sender_init(struct stream_sender *sender)
{
    *sender = (struct stream_sender){.first = 1, .cursor = 1, .next = 1};
}

static struct stream_packet *packet_at(const struct stream_sender *sender, uint64_t number)
{
    return &sender->ring[number & (sender->capacity - 1)];
}

static void release_first(struct stream_sender *sender)
{
    struct stream_packet *packet = packet_at(sender, sender->first++);
    sender->bytes -= packet->length + STREAM_PACKET_OVERHEAD_BYTES;
    free(packet->data);
}

void stream_sender_fini(struct stream_sender *sender)
{
    while (sender->first < sender->next)
        release_first(sender);
    free(sender->ring);
    stream_sender_init(sender);
}

static void grow(struct stream_sender *sender)
{
    struct stream_sender larger = *sender;
    larger.capacity = max_size(sender->capacity * 2, FIRST_CAPACITY);
    larger.ring = xcalloc(larger.capacity, sizeof *larger.ring);
    for (uint64_t number = sender->first; number < sender->next; number++)
        *packet_at(&larger, number) = *packet_at(sender, number);
    free(sender->ring);
    *sender = larger;
}

uint64_t stream_sender_push(struct stream_sender *sender, struct span packet)
{
    if (stream_sender_count(sender) == sender->capacity)
        grow(sender);
    *packet_at(sender, sender->next) = (struct stream_packet){
        .data = xmemdup0(packet.data, packet.length),
        .length = packet.length,
    };
    sender->bytes += packet.length + STREAM_PACKET_OVERHEAD_BYTES;
    return sender->next++;
}

size_t stream_sender_count(const struct stream_sender *sender)
{
    return (size_t)(sender->next - sender->first);
}

uint64_t stream_sender_received(const struct stream_sender *sender)
{
    return sender->first - 1;
}

const struct stream_packet *stream_sender_peek(const struct stream_sender *sender,
                                               uint64_t *ret_number)
{
    if (sender->cursor == sender->next)
        return NULL;
    *ret_number = sender->cursor;
    return packet_at(sender, sender->cursor);
}

bool stream_sender_advance(struct stream_sender *sender)
{
    ASSERT(sender->cursor < sender->next);
    uint64_t number = sender->cursor++;
    if (number <= sender->sent)
        return true;
    sender->sent = number;
    return false;
}

int stream_sender_acknowledge(struct stream_sender *sender, uint64_t number)
{
    if (number > sender->sent)
        return -EPROTO;
    if (number < sender->first)
        return 0;
    while (sender->first <= number)
        release_first(sender);
    if (sender->cursor < sender->first)
        sender->cursor = sender->first;
    return 1;
}

int stream_sender_rewind(struct stream_sender *sender, uint64_t number)
{
    if (number > sender->sent + 1)
        return -EPROTO;
    uint64_t from = number > sender->first ? number : sender->first;
    if (from < sender->cursor)
        sender->cursor = from;
    return 0;
}

/* ---- receiver ---- */

void stream_receiver_init(struct stream_receiver *receiver)
{
    *receiver = (struct stream_receiver){.next = 1, .asked_ms = INT64_MIN / 2};
}

bool stream_receiver_is_missing(const struct stream_receiver *receiver)
{
    return receiver->next <= receiver->peer_sent;
}

void stream_receiver_note_sent(struct stream_receiver *receiver, uint64_t sent, int64_t now_ms)
{
    if (sent <= receiver->peer_sent)
        return;
    if (!stream_receiver_is_missing(receiver))
        receiver->missing_since_ms = now_ms;
    receiver->peer_sent = sent;
}

enum stream_arrival stream_receiver_take(struct stream_receiver *receiver, uint64_t number,
                                         size_t length, int64_t now_ms)
{
    stream_receiver_note_sent(receiver, number, now_ms);
    if (number > receiver->next) {
        receiver->gap_seen = true;
        return STREAM_GAP;
    }
    receiver->owed_packets++;
    receiver->owed_bytes += length;
    if (number < receiver->next)
        return STREAM_DUPLICATE;
    receiver->next++;
    receiver->gap_seen = false;
    receiver->missing_since_ms = now_ms;
    return STREAM_DELIVER;
}

bool stream_receiver_asks(struct stream_receiver *receiver, int64_t patience_ms, int64_t now_ms)
{
    if (!stream_receiver_is_missing(receiver))
        return false;
    if (!receiver->gap_seen && now_ms - receiver->missing_since_ms < patience_ms)
        return false;
    bool again = receiver->asked_number == receiver->next;
    int64_t wait_ms = again ? receiver->asked_wait_ms : ASK_AGAIN_MS;
    if (now_ms - receiver->asked_ms < wait_ms)
        return false;
    int64_t longest_ms = ASK_AGAIN_PATIENCES * patience_ms;
    receiver->asked_wait_ms = !again                     ? ASK_AGAIN_MS
                              : 2 * wait_ms < longest_ms ? 2 * wait_ms
                                                         : longest_ms;
    receiver->asked_number = receiver->next;
    receiver->asked_ms = now_ms;
    return true;
}

void stream_receiver_told(struct stream_receiver *receiver)
{
    receiver->owed_packets = 0;
    receiver->owed_bytes = 0;
}
