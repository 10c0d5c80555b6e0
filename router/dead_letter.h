/* Batches given up: each becomes a row of dead_letters, committed to the disk before its ACK. While
 * PostgreSQL is away, or refuses them for a reason that may pass (no space, no right, a full queue
 * here), they wait, and their connections with them; each failure is followed by a pause, and until
 * one has been written again they are tried one at a time. */
#ifndef SLIP_ROUTER_DEAD_LETTER_H
#define SLIP_ROUTER_DEAD_LETTER_H

#include "common/base/list.h"

struct connection;
struct readiness;
struct router;

struct dead_letters {
    struct list waiting; /* connections, BURYING, whose row is not on its way */
    struct list writing; /* … and those whose row is */
    int64_t not_before_ms;
    bool is_failing; /* PostgreSQL did not take the last one */
};

void dead_letters_init(struct dead_letters *dead_letters);

/* The connection's first batch is given up: it is BURYING until the row is there. */
void dead_letter_bury(struct connection *connection);

/* Tries those that wait, as far as PostgreSQL takes them. */
void dead_letters_go_on(struct router *router);

/* Says that they are not written, if so. */
void dead_letters_check_ready(const struct router *router, struct readiness *readiness);

#endif
