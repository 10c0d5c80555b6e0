/* A set of changes to an edge's rows, merged: for each connection what its row becomes, and which
 * of its memberships come and go. What came last counts.
 *
 *     set ─▶ change (connection) ─▶ membership, membership …
 *         ─▶ change …
 *
 * A change may say of its memberships that they are all there are (`is_whole`): a snapshot's entry,
 * or a connection that is closing. Pure, no I/O; owned by the edge's projection.
 */
#ifndef SLIP_ROUTER_CHANGE_SET_H
#define SLIP_ROUTER_CHANGE_SET_H

#include "common/base/list.h"
#include "common/base/table.h"
#include "common/wire/outcome.h"

struct membership_change {
    struct table_link by_key; /* "<connection>\0<channel>" */
    struct list of_change;
    bool is_member;
    size_t id_length;
    size_t key_length;
    char key[];
};

struct connection_change {
    struct table_link by_id;
    struct list of_set;
    struct list memberships;
    bool has_row;    /* the fields below are to be written */
    bool is_whole;   /* memberships that are not named here are to go */
    bool is_deleted; /* row and memberships go; nothing else counts */
    enum connection_state state;
    char *metadata; /* NULL: as it is */
    size_t metadata_length;
    char *ip, *path;    /* NULL: as they are */
    int64_t created_ms; /* 0: now */
    int64_t opened_ms;  /* 0: as it is */
    size_t id_length;
    char id[];
};

struct change_set {
    struct list link; /* in the edge's sets */
    struct table changes;
    struct table memberships;
    struct list in_order; /* connection_change */
    size_t count;         /* changes and memberships */
    size_t bytes;
    int64_t oldest_ms;      /* loop time of the first change */
    bool is_prune;          /* after all of this: rows of connections that are not known go */
    const char *edge_state; /* after that: the edge's own state, or NULL */
};

/* Never NULL; empty. */
MUST_USE
struct change_set *change_set_new(int64_t now_ms);
void change_set_destroy(struct change_set **set);

/* The change of this connection, a new one if there is none. */
struct connection_change *change_set_find(struct change_set *set, struct span connection);

static inline struct span connection_change_id(const struct connection_change *change)
{
    return span_of(change->id, change->id_length);
}

static inline struct span membership_change_channel(const struct membership_change *membership)
{
    size_t skip = membership->id_length + 1;

    return span_of(membership->key + skip, membership->key_length - skip);
}

/* The row's state, and what else is given: empty spans and 0 leave what was said before. */
struct connection_row {
    enum connection_state state;
    struct span metadata, ip, path;
    int64_t created_ms, opened_ms;
};
void change_set_row(struct change_set *set, struct span connection,
                    const struct connection_row *row);

void change_set_membership(struct change_set *set, struct span connection, struct span channel,
                           bool is_member);

/* What was said of memberships is void, and all others are to go; those said after are all there
 * are. */
void change_set_whole(struct change_set *set, struct span connection);

void change_set_delete(struct change_set *set, struct span connection);

/* It says more than one thing. */
bool change_set_can_split(const struct change_set *set);

/* Moves the second half into a new set, which is to be written after this one: of the connections,
 * or of the memberships of a single one. What comes after all (pruning, the edge's state) goes
 * along. It can be split (asserted). */
MUST_USE
struct change_set *change_set_split(struct change_set *set);

#endif
