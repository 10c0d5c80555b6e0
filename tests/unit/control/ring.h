/* The ring around a control, for its tests: edges, a worker and HTTP callers on the test's own
 * loop. There is no PostgreSQL: DATABASE_URL leads nowhere.
 */
#ifndef SLIP_UNIT_CONTROL_RING_H
#define SLIP_UNIT_CONTROL_RING_H

#include "common/base/clock.h"
#include "common/wire/link.h"
#include "control/control.h"

enum { RING_EDGES = 2, RING_COMMANDS = 64 };

#define RING_SECRET "a-secret-for-the-tests-of-control"

/* A command as an edge got it; the spans point into `memory`. */
struct ring_command {
    uint64_t number;
    uint64_t type;
    struct span target;
    struct span data;
    struct span origin;
    struct buffer memory;
};

/* An edge that keeps what it is told, and says only what the test lets it say. */
struct ring_edge {
    const char *id;
    struct link_set *links;
    struct link *link; /* NULL while there is no session */
    struct ring_command commands[RING_COMMANDS];
    size_t count;
    uint64_t measured; /* round of the last MEASURE */
};

struct ring {
    struct loop *loop;
    struct config config;
    struct control *control;
    struct ring_edge edges[RING_EDGES];
    struct link_set *worker_links;
    struct link *worker;
    uint64_t commanded; /* the last reference, 0: none */
    uint64_t measured;  /* round of the worker's last MEASURE */
    uint64_t roll_version;
};

/* How often control called these of its lifecycle. */
extern size_t ring_ready_calls;
extern size_t ring_stopped_calls;

/* Control with its edges and worker linked; cold. */
void ring_init(struct ring *ring);
void ring_fini(struct ring *ring);

void ring_connect_edge(struct ring *ring, size_t index);
void ring_disconnect_edge(struct ring *ring, size_t index);

/* The worker passes on a roll on which the edges of the bits are live and dead. */
void ring_roll(struct ring *ring, unsigned live, unsigned dead);
void ring_announce(struct ring *ring, size_t index);
void ring_join(struct ring *ring, size_t index, const char *channel);
void ring_receipt(struct ring *ring, size_t index, uint64_t first, uint64_t last);
void ring_polled(struct ring *ring, size_t index, uint64_t number);
void ring_disconnect_worker(struct ring *ring);
/* The worker passes on one TEXT command. */
void ring_text(struct ring *ring, uint64_t reference, const char *connection);
/* Roll, announcements: control is warm after it. */
void ring_warm(struct ring *ring);

/* A call by HTTP. `body` may be NULL; `headers` are whole lines, may be NULL. */
struct ring_call {
    int fd;
    struct buffer answer;
    unsigned int status; /* 0: not answered yet */
};

void ring_call(struct ring *ring, struct ring_call *call, const char *method, const char *path,
               const char *headers, const char *body);
/* A POST to the contract's end point whose body is to have `length` bytes and does not come. */
void ring_call_slowly(struct ring *ring, struct ring_call *call, const char *token, size_t length);
/* Connects, and sends just this text. */
void ring_call_raw(struct ring *ring, struct ring_call *call, const char *text);
/* With a good token. */
void ring_call_allowed(struct ring *ring, struct ring_call *call, const char *method,
                       const char *path, const char *headers, const char *body);
/* A good token; freed by the caller. */
char *ring_token(int64_t lifetime_s);
/* Takes in what has arrived; true when the answer is complete. */
bool ring_call_is_answered(struct ring_call *call);
/* NULL when the answer's head has no such line; else what follows, up to the end of the text. */
const char *ring_call_find(const struct ring_call *call, const char *text);
void ring_call_fini(struct ring_call *call);

/* Turns the loop until the condition holds; fails the test when it never does. */
#define ring_until(ring, condition)                             \
    do {                                                        \
        int64_t ring_give_up_ms = clock_monotonic_ms() + 30000; \
        while (!(condition)) {                                  \
            if (clock_monotonic_ms() > ring_give_up_ms)         \
                fail_msg("never: %s", #condition);              \
            loop_turn((ring)->loop, 20);                        \
        }                                                       \
    } while (0)

#endif
