/* A request: a list of commands, from REST or from the answer to a webhook, carried out in order.
 *
 *     WAITING ──warm──▶ RUNNING ──every command given out, every receipt in──▶ FINISHED
 *     (cold)             │   ▲
 *                        ▼   │ open, gone, or its time is over
 *                       polling                (POLL_FOR_CONNECTION: only this request waits)
 *
 * Each command becomes one COMMAND per edge concerned and is sent at once; links keep the order. A
 * command for a connection concerns the edge in its id, one for a channel the edges that may hold
 * members. A command that concerns nobody has no effect and is no error.
 *
 * A request owns its memory and itself: after request_begin() it lives until it is finished, also
 * when nobody waits for it any more (request_abandon()).
 */
#ifndef SLIP_CONTROL_REQUEST_H
#define SLIP_CONTROL_REQUEST_H

#include "common/contract/command.h"
#include "common/process/loop.h"
#include "control/edge.h"

/* base64url of SHA-256; never the length of a connection id. */
enum { REQUEST_ORIGIN_LENGTH = 43 };

enum request_state { REQUEST_WAITING, REQUEST_RUNNING, REQUEST_POLLING };

/* All requests, and what they need. */
struct request_set {
    struct loop *loop;
    struct edge_set *edges;
    struct channel_map *channels;
    struct list waiting; /* in the order they came */
    struct list running;
    bool is_warm;
    size_t count;
    size_t rest_bytes; /* of those from REST */
};

struct request {
    struct parcel parcel;
    struct request_set *set;
    struct list link; /* in set.waiting or set.running */
    enum request_state state;
    size_t next;   /* the first command that is not given out */
    size_t missed; /* commands for a connection that certainly is not there */
    struct loop_timer poll_timer;

    /* Whoever waits. Called once, not when abandoned; the request is freed after the call. */
    void (*on_finished)(void *context, const struct request *request);
    /* Polling has begun (true) or is over (false). May be NULL. */
    void (*on_polling)(void *context, bool is_polling);
    void *context;

    bool is_rest;
    size_t bytes; /* memory it holds */
    struct record_command_body *commands;
    struct record_header *headers;
    struct command_list list; /* REST: what the commands point into */
    char *memory;             /* the body, or what came from a worker */
    char origin[WIRE_ID_BYTES];
};

void request_set_init(struct request_set *set, struct loop *loop, struct edge_set *edges,
                      struct channel_map *channels);
/* Frees all; nobody is told. After edge_set_fini(). */
void request_set_fini(struct request_set *set);

/* Control knows what every live edge holds: those that waited begin, in order. */
void request_set_warm(struct request_set *set);

/* A request of a REST caller. Takes *list and *body (malloced; the list points into it) and empties
 * both. `origin`: REQUEST_ORIGIN_LENGTH characters, or empty. */
MUST_USE
struct request *request_new_rest(struct request_set *set, struct command_list *list, char **body,
                                 size_t body_bytes, struct span origin);

/* A request of a worker; everything is copied. */
MUST_USE
struct request *request_new_commands(struct request_set *set,
                                     const struct message_commands *message);

/* What both begin with: empties a new request and counts it in the set. */
void request_init(struct request *request, struct request_set *set);

/* PUBLISH_TEXT, PUBLISH_BINARY, CLOSE_CHANNEL: the target is a channel. */
bool request_is_for_channel(const struct record_command_body *command);

/* Would the edges concerned take it now? false when one of their links is full. */
bool request_is_admissible(const struct request *request);

/* Carries it out. on_finished may come before this returns. */
void request_begin(struct request *request);

/* Instead of request_begin(). */
void request_destroy(struct request **request);

/* Nobody waits for it: it goes on in silence. */
void request_abandon(struct request *request);

#endif
