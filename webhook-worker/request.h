/* The request of a job: what the router sent, checked, and written as the body and the key that
 * the backend gets.
 *
 * What a router says has passed the wire's bounds; here it must also make sense: known kinds of
 * events, ids that can stand in a header, no connection twice. Pure functions.
 */
#ifndef SLIP_WEBHOOK_WORKER_REQUEST_H
#define SLIP_WEBHOOK_WORKER_REQUEST_H

#include "webhook-worker/job.h"

/* Why the message is no job, static; NULL when it is one. */
MUST_USE
const char *request_check(const struct message_job *message);

/* Fills the job's items, names, attempt, key and body from a message that request_check() found
 * good. The key of a group is a hash of its items' keys: the same group has the same key. */
void request_write(struct job *job, const struct message_job *message);

#endif
