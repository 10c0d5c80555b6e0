/* The router's session with PostgreSQL: migrations first, then everything else; what happens when
 * it comes and goes. */
#ifndef SLIP_ROUTER_STORE_H
#define SLIP_ROUTER_STORE_H

#include "common/database/database.h"
#include "common/process/log.h"
#include "router/migrate.h"

struct router;

enum { STORE_QUEUE_BYTES = 256 << 20 };

struct store {
    struct database *database;
    struct migration_run migration;
    bool was_ready;    /* since the program began */
    bool has_reported; /* that it is not there */
    char reason[256];  /* why it is not there */
};

/* Begins to connect. 0, or -EINVAL after one log line. */
MUST_USE
int store_open(struct router *router);
void store_close(struct router *router);

/* Why the tables cannot be used; valid until the next turn. */
const char *store_reason(const struct router *router);

/* A unit failed, and its maker tries again later: one line (rate-limited) and a count. `whose`: a
 * field of the line. A session that was lost says so itself. */
void store_log_failure(struct log_limit *limit, const char *what, struct log_field whose,
                       const struct database_answer *answer);

/* The tables are there, and statements may be sent. */
bool store_is_ready(const struct router *router);

#endif
