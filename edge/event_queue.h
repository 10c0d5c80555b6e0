/* The events of one connection on their way to the backend: numbered from 0, cut into batches that
 * never change, kept until they are acknowledged.
 *
 *     first                      unsealed              last
 *       ▼                           ▼                    ▼
 *     [ e5  e6  e7 | e8  e9 ][ e10  e11  e12  …        ]
 *     └─ sealed[0] ┴sealed[1]┘└─ gather meanwhile ─────┘
 *
 * At most EVENT_QUEUE_SEALED batches are sealed (design §4.2: one in flight, one next). OPEN and
 * CLOSE are alone in theirs. Where a batch ends depends on nothing but the events and the limits
 * at the time it is sealed; after that only an acknowledgement changes it.
 *
 * Belongs to its connection; pure memory, no I/O. One thread.
 */
#ifndef SLIP_EDGE_EVENT_QUEUE_H
#define SLIP_EDGE_EVENT_QUEUE_H

#include "common/contract/event.h"

enum {
    EVENT_QUEUE_SEALED = 2,
    EVENT_OVERHEAD_BYTES = 48, /* what an event costs beyond its data; counted in `bytes` */
};

struct queued_event {
    struct queued_event *next;
    uint32_t length;
    uint16_t code; /* CLOSE */
    uint8_t kind;  /* enum event_kind */
    char data[];
};

struct sealed_batch {
    uint64_t last;    /* sequence of its last event */
    uint32_t count;   /* of events */
    uint32_t session; /* of the router to which it was sent (home.h); 0: not sent */
};

/* Zero-initialised is empty. */
struct event_queue {
    struct queued_event *first, *last; /* all that is not acknowledged */
    struct queued_event *unsealed;     /* the first that is in no batch, or NULL */
    uint64_t next_sequence;            /* of the next event pushed */
    struct sealed_batch sealed[EVENT_QUEUE_SEALED];
    size_t bytes; /* data and overhead of all events in it */
    uint32_t count;
    uint8_t sealed_count;
};

struct batch_limits {
    size_t events;
    size_t bytes;
};

void event_queue_fini(struct event_queue *queue);

/* An event with a copy of `data` (less than 4 G), in no queue yet. */
MUST_USE
struct queued_event *queued_event_new(enum event_kind kind, struct span data, uint16_t code);

/* Adds the event, which is then the queue's, with the next sequence number. */
void event_queue_push(struct event_queue *queue, struct queued_event *event);

static inline size_t queued_event_bytes(const struct queued_event *event)
{
    return event->length + EVENT_OVERHEAD_BYTES;
}

/* Seals the next batch if there are events for one and a place for it. True when it did. */
bool event_queue_seal(struct event_queue *queue, const struct batch_limits *limits);

/* Sequence of the first event of a sealed batch. */
uint64_t event_queue_batch_first(const struct event_queue *queue, size_t batch);

/* The first event of a sealed batch; sealed[batch].count follow by `next`. */
const struct queued_event *event_queue_batch_events(const struct event_queue *queue, size_t batch);

/* The sealed batches through the one that ends with `last` are done and dropped. Returns how many
 * bytes (of `bytes`) were freed, 0 when no sealed batch ends there (an old or repeated one). */
size_t event_queue_acknowledge(struct event_queue *queue, uint64_t last);

#endif
