/* The backend's answer to a job, turned into what the worker says because of it:
 *
 *     body ──▶ commands, checked and split ──▶ COMMANDS   to one control; none when there are none
 *                                          └─▶ DONE       to the router, once they are applied
 *
 * An empty body is an answer without commands: every OPEN in the request is refused with 403.
 * Pure functions.
 */
#ifndef SLIP_WEBHOOK_WORKER_ANSWER_H
#define SLIP_WEBHOOK_WORKER_ANSWER_H

#include "common/contract/command.h"
#include "webhook-worker/job.h"

/* Reads the body of a 2xx answer and appends the messages to job->commands and job->done.
 * 0, or -EINVAL with *ret_error: the answer is not the contract's; nothing was appended. */
MUST_USE
int answer_encode(struct job *job, struct span body, unsigned status,
                  const struct command_limits *limits, struct contract_error *ret_error);

#endif
