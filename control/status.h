/* The figures of GET /v1/status: counts over whole tables, on the session that serves every other
 * read. So there is one question at a time, whoever asks meanwhile gets its answer, and the answer
 * serves for STATUS_KEEP_MS more.
 *
 *     ask ─▶ fresh? ─▶ answered
 *              └─▶ waits ─▶ (asked already, or asks) ─▶ all who wait are answered
 */
#ifndef SLIP_CONTROL_STATUS_H
#define SLIP_CONTROL_STATUS_H

#include "common/database/database.h"
#include "control/rest.h"

enum { STATUS_KEEP_MS = 1000 };

struct status {
    struct loop *loop;
    struct database *database;
    struct database_unit *unit; /* the question under way; NULL: none */
    struct list calls;          /* rest_call.in_round, that wait for its answer */
    struct buffer body;         /* the last answer, JSON; empty: there is none */
    int64_t answered_ms;
};

void status_init(struct status *status, struct loop *loop, struct database *database);
/* Nobody waits any more (rest_close()). Before database_close(). */
void status_fini(struct status *status);

/* Answers the call, now or later. */
void status_ask(struct status *status, struct rest_call *call);

#endif
