/* The pages for operators and orchestrators, on an address of their own:
 *
 *     GET /healthz   200 "ok": the loop turns
 *     GET /readyz    200 or 503 with {"ready":…, "reasons":[…], "notes":[…]}
 *     GET /metrics   Prometheus text
 *
 * Anything else is 404 (or 405) as application/problem+json.
 */
#ifndef SLIP_PROCESS_ADMIN_H
#define SLIP_PROCESS_ADMIN_H

#include "common/process/http_server.h"
#include "common/process/program.h"
#include "common/process/readiness.h"

struct admin;

/* Listens; returns 0 and an admin for admin_close(), or -errno of http_server_open(). Logs
 * nothing. `before_metrics`, when not NULL, is called before /metrics is written, to set gauges. */
MUST_USE
int admin_open(struct loop *loop, const struct address *address, enum program_id program,
               void (*check_ready)(void *context, struct readiness *readiness),
               void (*before_metrics)(void *context), void *context, struct admin **ret_admin);
void admin_close(struct admin **admin);
uint16_t admin_port(const struct admin *admin);

#endif
