/* The limit without webhooks (with them: relay.c): `limit [PORT]` does for a WebSocket client what
 * the kernel asks for and no more: no queue, no order, no slow client. What a broker reaches of it
 * is its share of the possible.
 *
 * A client's frames are echoed. POST anything publishes the body to all clients: a loop of send(),
 * and when several publishes were read in one turn, one send() per client for all of them.
 *
 * `limit 0 FAULT` does one thing wrong, for tests/bench/self-check: the hundredth message to leave
 * is lost, doubled, changed or swapped with the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/fail.h"
#include "tests/bench/frames.h"
#include "tests/bench/server.h"

static struct list members = {&members, &members};
static struct list publishers = {&publishers, &publishers}; /* to be answered after the turn */
static struct buffer frames;                                /* published in this turn */

enum { FAULTY_MESSAGE = 100 };
static const char *fault = "";
static unsigned left_count;
static struct buffer swapped;

static bool does(const char *what)
{
    return strcmp(fault, what) == 0;
}

/* The frame on its way to one client: as it is, but for the hundredth. */
static void put(struct buffer *out, struct span frame)
{
    left_count++;
    if (left_count == FAULTY_MESSAGE && does("swap")) {
        buffer_append_span(&swapped, frame);
        return;
    }
    if (left_count != FAULTY_MESSAGE || !does("lose"))
        buffer_append_span(out, frame);
    if (left_count == FAULTY_MESSAGE && does("double"))
        buffer_append_span(out, frame);
    if (left_count == FAULTY_MESSAGE && does("change"))
        out->data[out->length - 1] ^= 1;
    if (left_count == FAULTY_MESSAGE + 1)
        buffer_append_span(out, buffer_span(&swapped));
}

static void echo(struct server_peer *peer, struct span text)
{
    static struct buffer frame;
    if (!*fault) {
        frames_append(&peer->out, text);
        return;
    }
    buffer_clear(&frame);
    frames_append(&frame, text);
    put(&peer->out, buffer_span(&frame));
}

static size_t on_bytes(struct server_peer *peer, struct span bytes)
{
    struct span text;
    size_t taken = frames_take(bytes, &text);
    if (taken > 0)
        echo(peer, text);
    return taken;
}

static void on_request(struct server_peer *peer, const struct server_request *request)
{
    if (!server_is_upgrade(request)) {
        frames_append(&frames, request->body);
        list_append(&publishers, &peer->link);
        return;
    }
    server_upgrade(peer);
    list_append(&members, &peer->link);
    peer->on_bytes = on_bytes;
}

static void publish(void)
{
    LIST_FOR_EACH(&members, link) {
        struct server_peer *peer = LIST_ENTRY(link, struct server_peer, link);
        if (*fault) {
            put(&peer->out, buffer_span(&frames));
            server_flush(peer);
            continue;
        }
        ssize_t written =
            send(peer->source.fd, frames.data, frames.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0)
            written = errno == EAGAIN ? 0 : (ssize_t)frames.length;
        if ((size_t)written < frames.length) {
            buffer_append(&peer->out, frames.data + written, frames.length - (size_t)written);
            poller_modify(&peer->source, EPOLLIN | EPOLLOUT);
        }
    }
    LIST_FOR_EACH(&publishers, link) {
        struct server_peer *peer = LIST_ENTRY(link, struct server_peer, link);
        list_remove(link);
        server_answer(peer, "", (struct span){0});
        server_flush(peer);
    }
    buffer_clear(&frames);
}

int main(int count, char **arguments)
{
    fault = count > 2 ? arguments[2] : "";
    poller_open();
    server_open(count > 1 ? (uint16_t)atoi(arguments[1]) : 0, on_request);
    for (;;) {
        poller_turn(-1);
        if (!list_is_empty(&publishers))
            publish();
    }
}
