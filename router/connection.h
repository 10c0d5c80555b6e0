/* A connection as the router sees it: the batches it was given, whether a job is in flight, and
 * what goes with every request (metadata).
 *
 *            batch arrives          worker takes it
 *     IDLE ───────────────▶ QUEUED ───────────────▶ IN_FLIGHT
 *      ▲ ▲                     ▲ ▲                   │  │  │
 *      │ └─────────────────────┼─┼──── finished ─────┘  │  └── given up ──▶ BURYING ──▶ IDLE
 *      │                       │ └──── at once, split ──┤
 *      └── (forgotten)         └────── RETRYING ◀───────┘
 *
 * Known from its OPEN, from a snapshot, or, with its edge dead, from its row; until its CLOSE (or
 * the refusal of its OPEN) is finished and the edge has received that. Owned by its edge.
 */
#ifndef SLIP_ROUTER_CONNECTION_H
#define SLIP_ROUTER_CONNECTION_H

#include "common/base/table.h"
#include "router/batch.h"
#include "router/edge.h"

struct job;

enum connection_phase {
    CONNECTION_IDLE,
    CONNECTION_QUEUED,
    CONNECTION_IN_FLIGHT,
    CONNECTION_RETRYING,
    CONNECTION_BURYING,  /* its batch waits to be in dead_letters */
    CONNECTION_FINISHED, /* kept only to answer a repeated batch */
    CONNECTION_PHASE_COUNT
};

enum { CONNECTION_FACTS = 4 };

struct connection {
    struct table_link by_id;
    struct list of_edge; /* edge->connections, or edge->finished */
    struct list place;   /* in dispatch's queue, or among the dead letters */
    struct edge *edge;
    enum connection_phase phase;
    enum connection_state state; /* as in the table connections */
    struct list batches;         /* the first is the one that is worked on */
    struct loop_timer retry;
    struct job *job;
    size_t job_index;                 /* its place in the job */
    uint64_t stamp;                   /* when it was queued */
    size_t group_limit;               /* most connections in its next request */
    uint64_t group;                   /* the lost job whose group goes again as it was, or 0 */
    uint64_t done_before;             /* sequences below are finished */
    bool has_close;                   /* a CLOSE is among the batches, or finished */
    uint64_t facts[CONNECTION_FACTS]; /* hashes of the metadata told by the edge since … */
    unsigned int fact_count;          /* … the job began; more are only counted */
    char *metadata;
    size_t metadata_length;
    char *last_error; /* of the first batch's last attempt */
    uint64_t last_status;
    enum ack_outcome open_outcome; /* how the OPEN ended, to say it again */
    uint64_t open_status;
    struct database_unit *burial; /* its dead letter, on its way */
    uint64_t ack_number; /* FINISHED: the packet with the last ACK; 0: no edge waits for one */
    size_t id_length;
    char id[];
};

static inline struct span connection_id(const struct connection *connection)
{
    return span_of(connection->id, connection->id_length);
}

static inline struct span connection_metadata(const struct connection *connection)
{
    return span_of(connection->metadata, connection->metadata_length);
}

/* The connection with this id, finished ones included; NULL when there is none. */
struct connection *connection_find(const struct router *router, struct span id);

/* A new one, IDLE, of this edge. The id is not known yet (asserted). */
struct connection *connection_new(struct edge *edge, struct span id, enum connection_state state);

/* Forgets it, whatever is under way. */
void connection_destroy(struct connection **connection);

/* The one door between phases; ASSERTs that the way is legal. */
void connection_set_phase(struct connection *connection, enum connection_phase phase);

/* Its first batch, or NULL. */
struct batch *connection_batch(const struct connection *connection);

/* Takes a batch (and NULLs it) behind the others. */
void connection_add_batch(struct connection *connection, struct batch **batch);

/* Begins with the next batch if it is IDLE and its edge is decided about. */
void connection_go_on(struct connection *connection);

/* What the edge says the metadata is (copied; empty is null). */
void connection_told_metadata(struct connection *connection, struct span metadata);

/* What the answer to its job set, unless the edge has told of that already (and perhaps of a later
 * change): the edge's own order is the truth. True when it was taken. */
bool connection_answered_metadata(struct connection *connection, struct span metadata);

/* What the last attempt came to, for the dead letter. */
void connection_note_failure(struct connection *connection, uint64_t status, struct span error);

/* The first batch is over: tells the edge, and goes on with the next. From IN_FLIGHT, QUEUED,
 * RETRYING or BURYING. The connection may be freed by this. */
void connection_finish_batch(struct connection *connection, enum ack_outcome outcome,
                             uint64_t status);

/* Its edge is gone: what the backend has not seen of an OPEN is dropped; if it knows the
 * connection, or may, a CLOSE is due unless there is one (1001 of an edge that is LEAVING, 1006 of
 * a DEAD one). May free it. */
void connection_orphan(struct connection *connection);

/* Says again how a batch up to `last` ended, to an edge that repeats it. */
void connection_acknowledge_again(struct connection *connection, uint64_t last);

#endif
