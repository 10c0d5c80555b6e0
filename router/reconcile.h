/* An edge's snapshot: what is true, pulled page by page to correct what we and PostgreSQL hold.
 *
 *     PULL restart ─▶ PAGE ─▶ PULL ─▶ PAGE … last PAGE ─▶ rows that nobody named are deleted
 *
 * Pages and facts come in one stream, and each page is true at its place in it: applied in that
 * order, each connection's row is right once its page is written, and nothing is deleted before
 * the last page. The next page is pulled when the changes of the one before have been written.
 *
 * A connection that was finished while the snapshot was under way may still be named by a page
 * that was written before our ACK arrived; such ids are remembered until the last page.
 */
#ifndef SLIP_ROUTER_RECONCILE_H
#define SLIP_ROUTER_RECONCILE_H

#include "common/base/table.h"
#include "common/wire/link.h"

struct edge;
struct router;

struct snapshot {
    uint64_t number; /* 0: none under way */
    bool is_due;     /* the next page is to be pulled when PostgreSQL keeps up */
    bool is_wanted;  /* once the session with the edge or PostgreSQL allows */
    struct table finished;
};

void snapshot_init(struct snapshot *snapshot);
void snapshot_fini(struct snapshot *snapshot);

/* Pulls a snapshot from the beginning, as soon as the edge is LIVE and linked. */
void reconcile_start(struct edge *edge);

/* Changes have been written, the edge was adopted …: pulls the next page if that is due. */
void reconcile_go_on(struct edge *edge);

/* The session with the edge, or its life, has ended. */
void reconcile_stop(struct edge *edge);

/* A connection was finished. */
void reconcile_note_finished(struct edge *edge, struct span connection);

void reconcile_on_page(struct router *router, struct link *link,
                       const struct wire_message *message);

#endif
