/* The pages for operators and orchestrators, on an address of their own:
 *
 *     GET /healthz   200 "ok": the loop turns
 *     GET /readyz    200 or 503 with {"ready":…, "reasons":[…], "notes":[…]}
 *     GET /metrics   Prometheus text
 *
 * Anything else goes to the program's own handler; without one it is 404 (or 405) as
 * application/problem+json.
 */
#ifndef SLIP_PROCESS_ADMIN_H
#define SLIP_PROCESS_ADMIN_H

#include "common/process/http_server.h"
#include "common/process/program.h"
#include "common/process/readiness.h"

struct admin;

struct admin_pages {
    enum program_id program;
    void (*check_ready)(void *context, struct readiness *readiness); /* may be NULL */
    /* Called before /metrics is written, to set gauges. May be NULL. */
    void (*before_metrics)(void *context);
    struct http_handler more; /* for all other paths; on_request NULL: there are none */
    void *context;            /* of all of these */
};

/* Listens; returns 0 and an admin for admin_close(), or -errno of http_server_open(). Logs
 * nothing. `pages` is copied. */
MUST_USE
int admin_open(struct loop *loop, const struct address *address, const struct admin_pages *pages,
               struct admin **ret_admin);
void admin_close(struct admin **admin);
uint16_t admin_port(const struct admin *admin);

#endif
