/* The limit of a broker with webhooks: `relay PORT BACKEND_PORT [BATCH]` is one process that asks
 * the backend about each handshake and each message, one POST for up to BATCH of them (1), and acts
 * when it is answered. No order beyond that, no queue, nothing remembered, nobody else who could
 * publish; it does not even read what the backend answers, but echoes. What a broker reaches of its
 * rate is its share of what this client, this backend and this kernel leave room for.
 */
#include <stdlib.h>

#include "tests/bench/fail.h"
#include "tests/bench/frames.h"
#include "tests/bench/server.h"
#include "tests/bench/upstream.h"

/* What the next POST will tell, and who waits for its answer. */
static struct {
    struct buffer body;
    struct list waiters;
    unsigned count;
    unsigned limit;
} batch = {.waiters = {&batch.waiters, &batch.waiters}, .limit = 1};

static void dispatch(void)
{
    if (batch.count == 0)
        return;
    buffer_append_text(&batch.body, "]}");
    upstream_post(buffer_span(&batch.body), &batch.waiters);
    buffer_clear(&batch.body);
    batch.count = 0;
}

/* What is in the peer's output leaves when the backend has answered. */
static void ask(struct server_peer *peer, const char *type, const char *member, struct span value)
{
    int id = peer->source.fd;
    if (list_is_linked(&peer->link))
        fail("a client did not wait for its answer");
    buffer_append_text(&batch.body, batch.count == 0 ? "{\"batch\":[" : ",");
    buffer_append_format(&batch.body,
                         "{\"connectionId\":\"%026d\",\"events\":[{\"type\":\"%s\","
                         "\"connectionId\":\"%026d\",\"%s\":\"",
                         id, type, id, member);
    buffer_append_span(&batch.body, value); /* without anything that JSON would escape: message.c */
    buffer_append_text(&batch.body, "\"}]}");
    peer->is_held = true;
    list_append(&batch.waiters, &peer->link);
    if (++batch.count == batch.limit)
        dispatch();
}

static void on_answered(struct list *waiters)
{
    while (!list_is_empty(waiters)) {
        struct server_peer *peer = LIST_FIRST(waiters, struct server_peer, link);
        list_remove(&peer->link);
        peer->is_held = false;
        server_flush(peer);
    }
}

static size_t on_bytes(struct server_peer *peer, struct span bytes)
{
    struct span text;
    size_t taken = frames_take(bytes, &text);
    if (taken > 0) {
        frames_append(&peer->out, text);
        ask(peer, "TEXT", "data", text);
    }
    return taken;
}

static void on_request(struct server_peer *peer, const struct server_request *request)
{
    if (!server_is_upgrade(request))
        fail("a request that asks for no WebSocket: %.*s", SPAN_ARGS(request->head));
    server_upgrade(peer);
    peer->on_bytes = on_bytes;
    ask(peer, "OPEN", "path", request->path);
}

int main(int count, char **arguments)
{
    if (count < 3)
        fail("relay PORT BACKEND_PORT [BATCH]");
    if (count > 3)
        batch.limit = (unsigned)atoi(arguments[3]);
    poller_open();
    upstream_open((uint16_t)atoi(arguments[2]), on_answered);
    server_open((uint16_t)atoi(arguments[1]), on_request);
    for (;;) {
        poller_turn(-1);
        dispatch();
    }
}
