/* A connection: a client that asked for a WebSocket, from its OPEN until the backend has heard the
 * last of it.
 *
 *               ACCEPT            close frame sent            answered, cut or timed out
 *     PENDING ─────────▶ OPEN ─────────────────────▶ CLOSING ─────────────────────┐
 *        │                 │  client closed or gone, protocol error               ▼
 *        │                 └──────────────────────────────────────────────────▶ CLOSED
 *        │ refused, timed out, client gone                                         ▲
 *        └─────────────────────────────▶ TOMBSTONE ────────────────────────────────┘
 *                                            │     it may have been accepted
 *                                            ▼
 *            OPEN acknowledged, not accepted: forgotten       CLOSE acknowledged: forgotten
 *
 * PENDING, OPEN and CLOSING have a socket, the others none. The structure stays until the last
 * batch of its events is acknowledged (event_queue.h). What follows the socket when only bytes are
 * left to be written is a linger (linger.h).
 *
 * Connections belong to the edge's table; one thread. connection_forget() alone frees one; nothing
 * that reads or writes its socket does.
 */
#ifndef SLIP_EDGE_CONNECTION_H
#define SLIP_EDGE_CONNECTION_H

#include "common/process/loop.h"
#include "edge/channel.h"
#include "edge/event_queue.h"
#include "edge/inbox.h"
#include "edge/origin.h"
#include "edge/outbox.h"
#include "edge/protocol/close_code.h"
#include "edge/protocol/frame.h"
#include "edge/protocol/timer_wheel.h"

struct edge;
struct neighbour;
struct opening;

enum {
    EDGE_ID_LENGTH = 10,
    CONNECTION_ID_LENGTH = EDGE_ID_LENGTH + 16,
    CACHE_LINE = 64,
};

enum connection_stage {
    STAGE_PENDING,
    STAGE_OPEN,
    STAGE_CLOSING,
    STAGE_CLOSED,
    STAGE_TOMBSTONE,
    STAGE_COUNT
};

struct connection {
    /* What a delivery touches (traffic.c) lies together: a fan-out walks through thousands of
     * connections, and most of its own time waits for their cache lines. */
    struct list dirty_link; /* in edge->dirty: its outbox is to be written this turn */
    struct list pause_link; /* in edge->paused or ->resuming: its socket is not read */
    struct outbox outbox;
    struct loop_source source; /* fd -1 while epoll does not watch it */
    struct edge *edge;
    struct opening *opening; /* PENDING, and until its early frames are read */
    int64_t message_ms;      /* when the last message went either way */
    int fd;                  /* -1: no socket */
    uint8_t stage;           /* enum connection_stage */
    uint8_t window_bits;     /* deflate towards the client; 0: none */
    bool owes_close;         /* TOMBSTONE: an ACCEPT came for it */
    bool is_blocked;         /* the socket took no more: EPOLLOUT is awaited (stalled.h) */
    bool is_hung_up;         /* the client sent FIN, and its last bytes are not read yet */
    bool is_deaf;            /* writing failed: nothing more is written */

    struct table_link link;   /* in edge->connections; the key is the id */
    struct list order_link;   /* in edge->in_order */
    struct list stalled_link; /* in edge->stalled, while is_blocked */
    struct list pump_link;    /* in edge->home.pumping: it may have batches to seal or to send */

    struct frame_decoder decoder;
    struct inbox *inbox;      /* what was read and is no event yet, or NULL */
    struct wheel_timer timer; /* the earliest of what keepalive.h watches */
    int64_t since_ms;         /* when this stage began */
    int64_t heard_ms;         /* when the client last sent anything */
    int64_t pinged_ms;        /* when an unanswered ping was sent, or 0 */

    struct event_queue events;
    struct queued_event *close_event; /* CLOSING: what will be told */
    struct memberships memberships;
    struct neighbour *neighbour; /* until CLOSED, if addresses are counted, or NULL */
    struct origin_mark origin;
    int64_t opened_at_ms; /* wall clock */
    char *metadata;       /* JSON */
    uint32_t metadata_length;
    uint32_t metadata_session;    /* of the router that knows the metadata (home.h) */
    uint32_t handed_over_session; /* of the router that has all events of it */

    char id[CONNECTION_ID_LENGTH + 1];
};

/* Takes over a registered socket (loop_hand_over) and a handshake (opening.h) under way; PENDING.
 * The metadata is copied. The caller makes its OPEN event. */
MUST_USE
struct connection *connection_new(struct edge *edge, struct loop_source *socket,
                                  struct opening **opening, struct span metadata);

/* Asks for the cache lines that a delivery touches, before its turn comes. */
static inline void connection_prefetch(const struct connection *connection)
{
    const char *first = (const char *)connection;
    for (size_t at = 0; at < offsetof(struct connection, link); at += CACHE_LINE)
        __builtin_prefetch(first + at, 1);
}

/* Frees it, whatever its stage; its socket is closed. */
void connection_forget(struct connection **connection);

/* The connection with this id, or NULL. */
struct connection *connection_find(struct edge *edge, struct span id);

static inline struct span connection_id(const struct connection *connection)
{
    return span_of(connection->id, CONNECTION_ID_LENGTH);
}

static inline struct span connection_metadata(const struct connection *connection)
{
    return span_of(connection->metadata, connection->metadata_length);
}

/* The one door between stages: asserts that the way is legal, counts, restarts the timer. */
void connection_enter(struct connection *connection, enum connection_stage stage);

/* Adds an event for the backend; it is sealed at the end of the turn. The event is taken. */
void connection_push_event(struct connection *connection, struct queued_event *event);

void connection_set_metadata(struct connection *connection, struct span metadata);

/* ---- endings (ending.c); each of them only while OPEN, unless it says otherwise ---- */

/* We close: a close frame after all that is queued, then the client's answer is awaited (at most
 * CLOSE_TIMEOUT), then CLOSE is told with our code. `code` and `text` are used where the row of
 * `reason` leaves them to the case. */
void connection_close(struct connection *connection, enum close_reason reason, uint16_t code,
                      struct span text);

/* The client's close frame is answered, or its error told, and nothing more is awaited of it;
 * CLOSE is told at once. Code and text as above. */
void connection_fail(struct connection *connection, enum close_reason reason, uint16_t code,
                     struct span text);

/* OPEN or CLOSING: the socket is gone, or taken for gone. */
void connection_lose(struct connection *connection, enum close_reason reason);

/* CLOSING: the client has answered our close frame, or had its time to. */
void connection_finish_closing(struct connection *connection);

/* TOMBSTONE: it may have been accepted; tells CLOSE (1006). */
void connection_close_tombstone(struct connection *connection);

#endif
