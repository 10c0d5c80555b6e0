/* The ring around a worker, for its tests: a router, controls and a backend on the test's own loop,
 * which keep what the worker says to them.
 */
#ifndef SLIP_UNIT_RING_H
#define SLIP_UNIT_RING_H

#include "common/wire/link.h"
#include "tests/unit/webhook-worker/backend.h"
#include "webhook-worker/worker.h"

enum { RING_MESSAGES = 64, RING_CONTROLS = 2 };

/* A router or a control. */
struct node {
    struct link_set *links; /* NULL while it is not bound */
    char endpoint[128];     /* where it is, or was, bound */
    struct link *worker;    /* NULL while its session is not up */
    /* What came, in order; spans point into `memory`. */
    struct wire_message messages[RING_MESSAGES];
    struct wire_decoder decoders[RING_MESSAGES];
    struct buffer memory[RING_MESSAGES];
    size_t count;
};

struct ring {
    struct loop *loop;
    struct config config;
    struct backend backend;
    struct node router;
    struct node controls[RING_CONTROLS];
    struct worker *worker;
};

/* How often the worker called these of its lifecycle. */
extern size_t ring_ready_calls;
extern size_t ring_stopped_calls;

/* Everything is up but the worker. `concurrency` and `drain` are settings, in text. */
void ring_init(struct ring *ring, const char *concurrency, const char *drain);
void ring_start_worker(struct ring *ring);
void ring_fini(struct ring *ring);

/* Binds; at the address where it was bound before, if it was. */
void ring_bind(struct ring *ring, struct node *node, const char *role, const char *name);
void ring_unbind(struct node *node);

/* The latest message of this kind, or NULL; how many came. */
const struct wire_message *ring_last(const struct node *node, enum message_id id);
size_t ring_count(const struct node *node, enum message_id id);

/* Sends a JOB with one TEXT event, or one OPEN. */
void ring_job(struct ring *ring, uint64_t number, const char *connection, uint64_t first);
void ring_open_job(struct ring *ring, uint64_t number, const char *connection,
                   uint64_t remaining_ms);
void ring_roll(struct ring *ring, uint64_t version);
void ring_commanded(struct node *control, uint64_t reference);

/* Turns the loop until the condition holds; fails the test when it never does. */
#define ring_until(ring, condition)                             \
    do {                                                        \
        int64_t ring_give_up_ms = clock_monotonic_ms() + 30000; \
        while (!(condition)) {                                  \
            if (clock_monotonic_ms() > ring_give_up_ms)         \
                fail_msg("never: %s", #condition);              \
            loop_turn((ring)->loop, 100);                       \
        }                                                       \
    } while (0)

#endif
