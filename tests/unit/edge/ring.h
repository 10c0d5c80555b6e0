/* An edge in a ring of one loop: the real edge, and in place of router and control two binders that
 * write down what it says and say what the test wants. Clients are plain sockets.
 *
 * What arrives becomes one line each, in order, connection ids without the edge's part cut to
 * their order of appearance (#0, #1 …):
 *
 *     router:   ADOPT connections=0 returning=0
 *               BATCH #0 0-0 meta OPEN
 *               BATCH #0 1-2 TEXT:hello BINARY:x
 *               BATCH #0 3-3 CLOSE:1000:bye
 *               OPENED #0, SUBSCRIBED #0 room, METADATA #0 {…}, PAGE 7 last #0:open{…}[room],
 * LEAVING control:  JOIN room, ANNOUNCED 1, RECEIPT 1-3, POLLED 4 open, LEAVE room 3
 *
 * Every wait turns the loop until it has what it wants, or fails the test after RING_LIMIT_MS.
 */
#ifndef SLIP_TEST_EDGE_RING_H
#define SLIP_TEST_EDGE_RING_H

#include "common/wire/link.h"
#include "edge/edge.h"

enum { RING_LIMIT_MS = 20000, RING_CLIENTS = 64 };

struct peer {
    const char *role;
    struct link_set *set;
    struct link *edge; /* NULL: not linked */
    struct buffer lines;
    uint64_t next_number; /* of commands */
    bool is_deaf;         /* adopts nobody */
};

struct ring {
    struct loop *loop;
    struct config config;
    struct edge *edge;
    struct peer router, control;
    struct peer second;      /* another router, or not started */
    char *ids[RING_CLIENTS]; /* #0, #1 … */
    size_t id_count;
    bool is_ready, has_stopped;
    int exit_code;
};

/* Starts all three. `wanted`: "NAME=value" strings up to NULL, for the edge. Waits until the edge
 * listens. */
void ring_start(struct ring *ring, const char *const *wanted);

/* The same with two routers. */
void ring_start_with_second(struct ring *ring, const char *const *wanted);

void ring_stop(struct ring *ring);

/* A new router (or control) in place of the old one, which knows nothing. */
void ring_restart_peer(struct ring *ring, struct peer *peer);

/* The router that is the edge's home, and the other one. */
struct peer *ring_home(struct ring *ring);
struct peer *ring_other(struct ring *ring);

/* One turn of the loop. */
void ring_turn(struct ring *ring);

/* Turns until a line that begins with `start` comes from the peer; lines before it are dropped.
 * The line without its beginning, valid until the next call. */
const char *ring_expect(struct ring *ring, struct peer *peer, const char *start);

/* Turns `turns` times and fails if such a line comes. */
void ring_expect_none(struct ring *ring, struct peer *peer, const char *start);

/* The id that lines call #number. */
struct span ring_id(const struct ring *ring, size_t number);

/* ---- the home router's and control's words ---- */

void ring_ack(struct ring *ring, size_t connection, uint64_t last, enum ack_outcome outcome,
              int status);

/* A command with the next number; `target` and `channel` may be NULL. Returns the number. */
uint64_t ring_command(struct ring *ring, const struct record_command_body *body);

/* The same as in an answer to the batch that began with `first`. */
uint64_t ring_answer(struct ring *ring, size_t connection, uint64_t first,
                     const struct record_command_body *body);

/* A command with a number and origin of the test's choice. */
void ring_command_numbered(struct ring *ring, uint64_t number, struct span origin, uint64_t first,
                           const struct record_command_body *body);

/* ---- clients ---- */

/* Connects and sends the bytes, "" for none. */
int client_connect(struct ring *ring, const char *text);

/* A handshake for path "/chat" with extra header lines ("" or "Name: value\r\n"). */
int client_shake(struct ring *ring, const char *headers);

/* Shakes hands and is accepted, OPEN acknowledged; it is the connection #number then. */
int client_open(struct ring *ring, size_t number);

/* Sends a masked frame. */
void client_frame(int fd, unsigned char first_byte, struct span payload);
void client_text(int fd, const char *text);

/* Turns until these bytes arrive next; nothing else may. */
void client_expect(struct ring *ring, int fd, const char *bytes, size_t length);

/* Turns until so many bytes have arrived. */
void client_read(struct ring *ring, int fd, char *ret_bytes, size_t length);

/* Turns until the end of a response's head, or of the stream, and returns what came. */
const char *client_answer(struct ring *ring, int fd);

/* Turns until the edge has ended the stream (nothing else may come). */
void client_expect_end(struct ring *ring, int fd);

#endif
