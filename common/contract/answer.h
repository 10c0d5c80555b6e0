/* The answer to a webhook, seen from the connections that the request was about.
 *
 *     OPEN ──▶ backend ──▶ [ACCEPT, SUBSCRIBE, TEXT, …]     accepted, the rest on the open socket
 *                     ──▶ [CLOSE {status, headers, body}]   refused
 *                     ──▶ []                                refused, 403
 *
 * For a connection whose OPEN was in the request, the first ACCEPT or CLOSE that names it decides.
 * ACCEPT is moved before the connection's other commands, whatever place it was written at. When it
 * is refused, its other commands are dropped; those to others still run.
 */
#ifndef SLIP_CONTRACT_ANSWER_H
#define SLIP_CONTRACT_ANSWER_H

#include "common/base/table.h"
#include "common/contract/command.h"

enum answer_outcome {
    ANSWER_NOTHING, /* its OPEN was not in this request: nothing to decide */
    ANSWER_ACCEPTED,
    ANSWER_REFUSED,
};

/* A connection that the request was about. */
struct answer_connection {
    /* in */
    struct span id;
    bool is_opening; /* its OPEN was in the request */

    /* out */
    enum answer_outcome outcome;
    const struct command *decision; /* its ACCEPT, or the CLOSE that refuses (status, headers,
                                       body); NULL with ANSWER_NOTHING */
    bool has_metadata;              /* the answer set its metadata … */
    struct span metadata;           /* … last to this JSON */

    /* private */
    struct table_link link;
    bool is_closed;
    size_t decision_index;
};

/* Decides the outcome of each of the `count` connections (ids differ; asserted), and brings the
 * list into the form in which it is carried out: per opening connection exactly one ACCEPT, first
 * of its commands, or exactly one CLOSE with `refuses` set (made up, with status 403, when the
 * answer held neither) and no other command for it. 0; or -EINVAL with *ret_error: an ACCEPT names
 * a connection whose OPEN was not in the request; then the list and the connections are useless but
 * for their fini. */
MUST_USE
int answer_split(struct command_list *list, struct answer_connection *connections, size_t count,
                 struct contract_error *ret_error);

#endif
