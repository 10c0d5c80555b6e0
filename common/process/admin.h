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

struct admin;

/* Why a program cannot serve, gathered for one answer. */
struct readiness;

/* Adds a short reason in words ("no router", "draining"). */
void readiness_add(struct readiness *readiness, const char *reason);

/* Says something that does not keep the program from serving ("degraded: no PostgreSQL"); in the
 * answer's "notes". */
void readiness_note(struct readiness *readiness, const char *note);

/* Listens; returns 0 and an admin for admin_close(), or -errno of http_server_open(). Logs
 * nothing. `before_metrics`, when not NULL, is called before /metrics is written, to set gauges. */
MUST_USE
int admin_open(struct loop *loop, const struct address *address, enum program_id program,
               void (*check_ready)(void *context, struct readiness *readiness),
               void (*before_metrics)(void *context), void *context, struct admin **ret_admin);
void admin_close(struct admin **admin);
uint16_t admin_port(const struct admin *admin);

#endif
