#include "edge/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    GATHERED_FRAMES = 64,
    PONG_BYTE = 0x80 | FRAME_OPCODE_PONG, /* the first one of a pong */
};

static size_t rings_bytes;

size_t outbox_rings_bytes(void)
{
    return rings_bytes;
}

static struct shared_frame **place(struct outbox *outbox, uint32_t index)
{
    if (outbox->more)
        return &outbox->more[(outbox->head + index) & (outbox->capacity - 1)];
    return &outbox->few[(outbox->head + index) % OUTBOX_PLACES];
}

/* Another ring in place of the one there is; `capacity` 0: none. The caller fills it. */
static void replace_ring(struct outbox *outbox, struct shared_frame **ring, uint32_t capacity)
{
    rings_bytes -= outbox->capacity * sizeof(struct shared_frame *);
    rings_bytes += capacity * sizeof(struct shared_frame *);
    free(outbox->more);
    outbox->more = ring;
    outbox->capacity = capacity;
    outbox->head = 0;
}

static void release(struct outbox *outbox)
{
    replace_ring(outbox, NULL, 0);
    *outbox = (struct outbox){0};
}

void outbox_fini(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->count; i++)
        shared_frame_unref(place(outbox, i));
    release(outbox);
}

static void grow(struct outbox *outbox)
{
    uint32_t capacity = outbox->more ? outbox->capacity * 2 : OUTBOX_PLACES * 4;
    struct shared_frame **ring = xmalloc(capacity * sizeof(struct shared_frame *));
    for (uint32_t i = 0; i < outbox->count; i++)
        ring[i] = *place(outbox, i);
    replace_ring(outbox, ring, capacity);
}

static void make_room(struct outbox *outbox)
{
    if (outbox->count == (outbox->more ? outbox->capacity : OUTBOX_PLACES))
        grow(outbox);
}

void outbox_push(struct outbox *outbox, struct shared_frame *frame)
{
    make_room(outbox);
    *place(outbox, outbox->count) = shared_frame_ref(frame);
    outbox->count++;
    outbox->bytes += frame->length;
}

static bool is_pong(const struct shared_frame *frame)
{
    return frame->length > 0 && (unsigned char)frame->bytes[0] == PONG_BYTE;
}

/* Where the next pong belongs: behind those that wait, which are side by side. */
static uint32_t place_of_pong(struct outbox *outbox)
{
    uint32_t index = outbox->count > 0 ? 1 : 0;
    while (index < outbox->count && is_pong(*place(outbox, index)))
        index++;
    return index;
}

/* Moves what is before it, not the queue behind it. */
static void insert(struct outbox *outbox, uint32_t index, struct shared_frame *frame)
{
    make_room(outbox);
    outbox->head--;
    outbox->count++;
    for (uint32_t i = 0; i < index; i++)
        *place(outbox, i) = *place(outbox, i + 1);
    *place(outbox, index) = shared_frame_ref(frame);
    outbox->bytes += frame->length;
}

bool outbox_push_pong(struct outbox *outbox, struct shared_frame *pong)
{
    uint32_t index = place_of_pong(outbox);
    if (index <= OUTBOX_PONGS) {
        insert(outbox, index, pong);
        return true;
    }
    struct shared_frame **last = place(outbox, index - 1);
    outbox->bytes += pong->length;
    outbox->bytes -= (*last)->length;
    shared_frame_unref(last);
    *last = shared_frame_ref(pong);
    return false;
}

void outbox_drop_unsent(struct outbox *outbox)
{
    uint32_t kept = outbox->sent > 0 ? 1 : 0;
    while (outbox->count > kept) {
        struct shared_frame **last = place(outbox, --outbox->count);
        outbox->bytes -= (*last)->length;
        shared_frame_unref(last);
    }
    if (outbox->count == 0) {
        release(outbox);
        return;
    }
    struct shared_frame *first = *place(outbox, 0);
    replace_ring(outbox, NULL, 0);
    outbox->few[0] = first;
}

void outbox_move(struct outbox *to, struct outbox *from)
{
    ASSERT(outbox_is_empty(to));
    *to = *from;
    *from = (struct outbox){0};
}

static void consume(struct outbox *outbox, size_t written)
{
    outbox->bytes -= written;
    while (outbox->count > 0) {
        struct shared_frame **first = place(outbox, 0);
        size_t left = (*first)->length - outbox->sent;
        if (written < left) {
            outbox->sent += (uint32_t)written;
            return;
        }
        written -= left;
        shared_frame_unref(first);
        outbox->sent = 0;
        outbox->head++;
        outbox->count--;
    }
    ASSERT(written == 0 && outbox->bytes == 0);
    release(outbox);
}

static ssize_t write_once(struct outbox *outbox, int fd)
{
    struct shared_frame *first = *place(outbox, 0);
    if (outbox->count == 1)
        return send(fd, first->bytes + outbox->sent, first->length - outbox->sent,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    struct iovec parts[GATHERED_FRAMES];
    uint32_t count = outbox->count < GATHERED_FRAMES ? outbox->count : GATHERED_FRAMES;
    for (uint32_t i = 0; i < count; i++) {
        struct shared_frame *frame = *place(outbox, i);
        parts[i] = (struct iovec){.iov_base = frame->bytes, .iov_len = frame->length};
    }
    parts[0].iov_base = first->bytes + outbox->sent;
    parts[0].iov_len -= outbox->sent;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int outbox_write(struct outbox *outbox, int fd, size_t *ret_written)
{
    *ret_written = 0;
    while (outbox->count > 0) {
        ssize_t written = write_once(outbox, fd);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        consume(outbox, (size_t)written);
        *ret_written += (size_t)written;
        /* A short write is the socket's buffer being full: asking again would only tell so. */
        if (outbox->sent > 0)
            return -EAGAIN;
    }
    return 0;
}
