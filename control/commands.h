/* COMMANDS: what workers pass on from the answers to webhooks. Each becomes a request; when all of
 * it is applied, COMMANDED tells the worker. They are never refused: jobs bound them.
 *
 * A worker that repeats COMMANDS (after a lost session, or another worker for the same batch) has
 * them carried out again; the edges know by the origin what they have applied.
 */
#ifndef SLIP_CONTROL_COMMANDS_H
#define SLIP_CONTROL_COMMANDS_H

#include "common/wire/link.h"
#include "control/request.h"

struct worker_set {
    struct list workers;
    size_t count;
};

void worker_set_init(struct worker_set *set);
/* After request_set_fini(). */
void worker_set_fini(struct worker_set *set);

/* A session with a worker begins, or is over: its requests go on, and nobody is told. */
void worker_linked(struct worker_set *set, struct link *link);
void worker_unlinked(struct worker_set *set, struct link *link);

/* Carries out COMMANDS that came by this link. */
void worker_commands(struct request_set *requests, struct link *link,
                     const struct message_commands *message);

#endif
