/* The worker's links to controls: who carries the answers' commands out.
 *
 *     job ──▶ the control with the highest rendezvous_weight(connection id, its name) that is up
 *             and has room ──▶ COMMANDS … COMMANDED
 *         └─▶ none: parked, until one comes up or has room again
 *
 * So one connection's answers pass one control. When a control goes, its jobs go to another with
 * the same origin; commands that it had carried out are recognised by that.
 *
 * Each control also gets every roll (roll.h) first of all. One thread; owned by the worker.
 */
#ifndef SLIP_WEBHOOK_WORKER_CONTROLS_H
#define SLIP_WEBHOOK_WORKER_CONTROLS_H

#include "common/base/list.h"
#include "common/base/span.h"
#include "common/wire/link.h"

struct job;

/* A control whose session is up. */
struct control_peer {
    struct list link; /* in controls.peers */
    struct link *peer;
    uint64_t hash;    /* of its name */
    struct list jobs; /* COMMANDING with it */
};

struct controls {
    struct list peers;
    size_t count;
    struct list parked; /* jobs that wait for one, the oldest first */
};

void controls_init(struct controls *controls);
void controls_fini(struct controls *controls);

/* The stable hash of a control's name. */
uint64_t controls_hash(struct span name);

/* For the link set of the controls; `context` is the worker. */
extern const struct link_handlers controls_link_handlers;

/* Sends the job's commands (state POSTING or PARKED), or parks it. */
void controls_send(struct controls *controls, struct job *job);

/* Appends an encoded message to every control's packet. */
void controls_pass_on(struct controls *controls, struct span encoded);

/* Passes a router's figures on to the control that asked for them. */
void controls_report(struct controls *controls, const struct message_report *report);

#endif
