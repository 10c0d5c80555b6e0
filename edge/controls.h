/* The controls: where commands come from, and who must know which channels have members here.
 *
 *     control ─ COMMAND n ─▶ apply ─ RECEIPT n ─▶
 *     first member ─ JOIN ─▶ every control … received by all ─ RECEIPT of the SUBSCRIBE ─▶
 *
 * A control is known by its name, which is new with every start of it, and remembered beyond its
 * sessions: the number of the last command applied is what makes a repeated one harmless.
 *
 * A channel's first SUBSCRIBE is receipted when every live control has received the JOIN, so that
 * whoever reads the 200 can publish through any of them (design §5). A control that is not heard
 * for PEER_TIMEOUT is not live: it believes nobody's channels to be complete either.
 */
#ifndef SLIP_EDGE_CONTROLS_H
#define SLIP_EDGE_CONTROLS_H

#include "common/wire/link.h"
#include "edge/channel.h"
#include "edge/receipts.h"

struct edge;

/* A link number that the control has yet to receive, and the join (joins.h) that waits for it. */
struct join_wait {
    uint64_t number;
    struct join *join;
};

struct control {
    struct table_link link_by_name;
    struct list watches; /* what it has asked to be told in this session (watch.h) */
    struct link *link;   /* while a session is up, else NULL */
    int64_t gone_ms;     /* when the last session ended */
    uint64_t applied;    /* number of the last command applied */
    uint64_t announced;  /* link number of ANNOUNCED */
    bool is_announced;   /* the control has received it */
    uint32_t references; /* held receipts and polls that will need it */
    struct receipt_list receipts;
    struct join_wait *waits; /* in order; [waits_done … wait_count) are open */
    size_t waits_done, wait_count, wait_capacity;
    char name[];
};

struct controls {
    struct edge *edge;
    struct link_set *links;
    struct table by_name;
    struct receipts receipts;
    struct loop_timer check;
};

MUST_USE
int controls_open(struct controls *controls, struct edge *edge);
void controls_close(struct controls *controls);

/* Every resolved control has welcomed us and received ANNOUNCED. */
bool controls_are_ready(const struct controls *controls);

/* Tells all controls that the channel has had no member for a while. */
void controls_tell_leave(struct controls *controls, const struct channel *channel);

/* Answers a WATCH, if the control is still there. */
void controls_tell_watching(struct control *control, const struct channel *channel);

/* Answers a POLL_FOR_CONNECTION, if the control is still there. */
void controls_tell_polled(struct controls *controls, struct control *control, uint64_t number,
                          bool is_open);

#endif
