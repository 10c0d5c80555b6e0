/* An edge at home here.
 *
 *                    ADOPTED
 *     ADOPTING ────────────────▶ LIVE ──silent──▶ JUDGED ──won──▶ DEAD ──▶ (all closed) freed
 *        │  ▲                     │ ▲               │ └─lost──▶ forgotten
 *        │  └────── ADOPT ────────┘ └───────────────┘ database trouble
 *        └─ expired: EXPIRED, freed               LIVE ──LEAVING──▶ LEAVING ──▶ (all closed) freed
 *                                                                   └─ expired ──▶ DEAD
 *
 * PostgreSQL decides, while it is there, whose edge it is: `epoch` is the home_epoch that we hold,
 * 0 when we adopted without asking. Without it a router that knows of no other router decides
 * alone, and asks when PostgreSQL is back.
 *
 * Owned by the router (router->edges); its link, while there is one, is the link layer's.
 */
#ifndef SLIP_ROUTER_EDGE_H
#define SLIP_ROUTER_EDGE_H

#include "common/base/table.h"
#include "common/database/database.h"
#include "common/wire/link.h"
#include "router/projection.h"
#include "router/reconcile.h"

struct router;

enum edge_state {
    EDGE_ADOPTING, /* asked for; nothing of it is dispatched yet */
    EDGE_LIVE,
    EDGE_LEAVING, /* has said everything */
    EDGE_JUDGED,  /* silent; PostgreSQL is asked whether we may say that it is dead */
    EDGE_DEAD,    /* its connections get their CLOSE */
    EDGE_STATE_COUNT
};

struct edge {
    struct table_link by_id;
    struct router *router;
    struct link *link; /* of its last ADOPT, while that session lasts */
    enum edge_state state;
    uint64_t epoch;
    int64_t heard_ms;        /* when it was last heard, while there is no link */
    struct list connections; /* connection.h */
    struct list finished;    /* those kept to answer a repeated batch */
    size_t connection_count;
    struct database_unit *unit; /* a question to PostgreSQL under way, about this edge */
    bool is_unsettled;     /* DEAD: its death is not recorded, or its rows are not all looked at */
    bool is_left_told;     /* LEAVING: that it has left goes to PostgreSQL */
    bool has_said_leaving; /* ADOPTING: LEAVING follows */
    bool is_known_live;    /* was LIVE here: stays on the roll while it adopts us again */
    bool is_repeating;     /* until the first page: OPENs may be repeated ones */
    bool is_answered;      /* ADOPTED has been said in this session */
    int64_t adopted_ms;
    struct loop_deferred gone;
    struct edge_projection projection;
    struct snapshot snapshot;
    char *address;
    size_t id_length;
    char id[];
};

static inline struct span edge_id(const struct edge *edge)
{
    return span_of(edge->id, edge->id_length);
}

struct edge *edge_find(const struct router *router, struct span id);

/* A new one, ADOPTING or DEAD, not linked. */
struct edge *edge_new(struct router *router, struct span id, enum edge_state state);

/* Forgets it and all its connections, silently. */
void edge_destroy(struct edge **edge);

/* The one door between states; ASSERTs that the way is legal. */
void edge_set_state(struct edge *edge, enum edge_state state);

/* Somebody speaks for it: no judge is needed. */
bool edge_is_heard(const struct edge *edge, int64_t limit_ms);

/* It is decided that its batches are for us to deliver. */
static inline bool edge_is_decided(const struct edge *edge)
{
    return edge->state != EDGE_ADOPTING;
}

/* It will say nothing more. */
static inline bool edge_is_gone(const struct edge *edge)
{
    return edge->state == EDGE_LEAVING || edge->state == EDGE_DEAD;
}

/* A connection was finished, or rows were written: an edge that is gone and has nothing left is
 * freed at the end of the turn. */
void edge_check_gone_later(struct edge *edge);

/* ---- messages ---- */

void edge_on_adopt(struct router *router, struct link *link, const struct wire_message *message);
void edge_on_leaving(struct router *router, struct link *link, const struct wire_message *message);
void edge_on_down(struct router *router, struct link *link);
void edge_on_received(struct router *router, struct link *link);

/* It is ours, for all we know: answers ADOPT, and begins to deliver its batches. */
void edge_live(struct edge *edge);

/* Now and then: asks PostgreSQL again, forgets old ends. The edge may be freed by this. */
void edge_tick(struct edge *edge);

/* ---- PostgreSQL (adopt.c) ---- */

/* Makes the edge ours: in PostgreSQL while it is there, else at once. */
void edge_adopt(struct edge *edge);

/* PostgreSQL is (back) there: every edge is claimed again, and compared with its rows. */
void edges_on_database_ready(struct router *router);

/* LIVE or LEAVING, but PostgreSQL does not know whose, or its rows are stale: asks again. */
void edge_adopt_again(struct edge *edge);

/* A write found that the edge's row is not what we hold: asks what is true. */
void edge_rows_lost(struct edge *edge);

/* Another router has it: forgets it, without a word to the backend. */
void edge_lost(struct edge *edge);

/* Sends a unit about this edge; its answer comes to on_done with the edge as context, unless
 * another one is asked before. Takes the unit. False: PostgreSQL does not take it now. */
bool edge_ask(struct edge *edge, struct database_unit *unit);

/* Tells whoever speaks under this id that it is dead. */
void edge_send_expired(struct link *link, struct span edge_id);

#endif
