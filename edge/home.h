/* The home router: the one router that takes this edge's events and judges whether it lives.
 *
 *     batches   sealed ─▶ sent in this session ─▶ ACK, dropped        (batch.h)
 *     facts     OPENED, SUBSCRIBED, UNSUBSCRIBED, METADATA            (facts.h)
 *     snapshot  PULL ─▶ PAGE, again until the last                    (snapshot.h)
 *
 * The first home is the best by rendezvous_weight among the routers that welcomed us; it is kept
 * as long as it is heard. After HOME_SILENT_TENTHS/10 of PEER_TIMEOUT of silence, or as long
 * without a session, or at once when it said BYE, another one that is up is adopted. With each
 * ADOPT a new session with the router begins: everything sealed and not acknowledged is sent again,
 * in order.
 */
#ifndef SLIP_EDGE_HOME_H
#define SLIP_EDGE_HOME_H

#include "common/wire/link.h"

enum { HOME_SILENT_TENTHS = 6, HOME_CHECK_MS = 100 };

struct edge;

struct home {
    struct edge *edge;
    struct link_set *routers;
    struct link *link; /* the home, while its session is up; else NULL */
    struct link *last; /* only compared: the home we had */
    int64_t lost_ms;   /* since when no router has been our home */
    uint32_t session;  /* counts ADOPTs; 0: none yet */
    bool is_adopted;   /* ADOPTED has come in this session */
    bool has_left;     /* the last home said BYE: it is not waited for */
    struct loop_timer check;
    struct list pumping; /* connections with batches to seal or to send */
    struct loop_deferred pump;
    struct list snapshot_cursor; /* in edge->in_order, between pages */
    struct buffer scratch;
};

MUST_USE
int home_open(struct home *home, struct edge *edge);

/* Says BYE to all routers. Accepts one that was not opened. */
void home_close(struct home *home);

/* The home has adopted us and was heard within PEER_TIMEOUT. */
bool home_is_adopted(const struct home *home);

/* No such home for longer than PEER_TIMEOUT. (A shorter absence is a restart: handshakes and
 * messages wait for the new one.) */
bool home_is_missing(const struct home *home);

/* The home is missing, or its link is full: nothing more can be taken in. */
bool home_is_stuck(const struct home *home);

/* The packet for facts and batches; NULL while there is no home. */
struct buffer *home_packet(struct home *home);

#endif
