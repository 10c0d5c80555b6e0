/* The webhook-worker: takes jobs from routers, posts them to the backend, has the answers' commands
 * carried out by a control, and tells the router that the job is done.
 *
 *     router ── JOB ──▶ job ──▶ http_client ──▶ backend
 *        ▲               │ ◀──── answer ───────────┘
 *        │               └── COMMANDS ──▶ control ──▶ COMMANDED
 *        └── DONE ◀──────────────────────────────────────┘
 *
 * It keeps nothing between jobs but the latest roll of each router, the token it signs with and
 * whether the target is down (breaker.h), makes one attempt for each job, and decides nothing about
 * retries.
 *
 * Draining: READY 0, queued jobs go back, requests in flight may take DRAIN_SECONDS, the rest goes
 * back as ABORTED; it stops when the routers have received all that was said.
 *
 * One per process; everything here runs on its loop.
 */
#ifndef SLIP_WEBHOOK_WORKER_WORKER_H
#define SLIP_WEBHOOK_WORKER_WORKER_H

#include "common/contract/command.h"
#include "common/contract/token.h"
#include "common/process/lifecycle.h"
#include "webhook-worker/breaker.h"
#include "webhook-worker/controls.h"
#include "webhook-worker/http/client.h"
#include "webhook-worker/job.h"
#include "webhook-worker/roll.h"
#include "webhook-worker/routers.h"

enum { WORKER_NAME_LENGTH = 16 };

struct worker {
    struct lifecycle *lifecycle;
    struct loop *loop;
    const struct config *config;
    char name[WORKER_NAME_LENGTH + 1]; /* drawn at every start */

    struct link_set *router_links;
    struct link_set *control_links;
    struct routers routers;
    struct controls controls;
    struct rolls rolls;

    struct jobs jobs;
    struct http_client *http;
    struct breaker breaker;
    struct command_limits limits;

    struct token_signer *signer;
    struct buffer authorization; /* the header line of the current token */
    uint64_t authorization_generation;

    bool is_draining;
    bool is_drained; /* no job is left; the last words are on their way */
    struct loop_timer drain_timer;
};

/* The functions of struct program (lifecycle.h). */
MUST_USE
int worker_create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor);
void worker_drain(void *actor);
int64_t worker_drain_limit_ms(const struct config *config);
void worker_check_ready(void *actor, struct readiness *readiness);
void worker_measure(void *actor);
void worker_destroy(void **actor);

/* Puts the current token into a request. */
void worker_authorize(struct worker *worker, struct transfer_request *request);

/* The request of a job has ended: what does it say about the target? */
void worker_judge_target(const struct job *job, const struct transfer_result *result);

/* A session has begun: does the worker serve now? */
void worker_check_serving(struct worker *worker);

/* A job has ended, or a router has received something: can a draining worker stop? */
void worker_check_drained(struct worker *worker);

/* For both kinds of links. A peer silent for PEER_TIMEOUT takes us for dead, as we take it: its
 * session ends. A refusal is logged. */
void worker_link_silent(void *context, struct link *peer);
void worker_link_refused(void *context, struct link *peer, struct span reason);

/* Logs the end of a session and how many jobs that touches; a farewell is no warning. */
void worker_log_down(const char *message, const struct link *peer, size_t jobs);

/* A message that this program does not take. */
void worker_ignore(enum message_id id, const struct link *peer);

#endif
