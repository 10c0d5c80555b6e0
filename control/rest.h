/* The REST API: one HTTP server, two faces.
 *
 *     POST anything else    the contract's end point              rest_contract.c
 *     /v1/…                 resources, described by openapi.json  rest_connections.c, …
 *
 * The resources are served on the admin address as well, for the page that is there (console.h).
 *
 *     head ─▶ token ─▶ route ─▶ room ─▶ body ─▶ handler ─┬─▶ rest_carry_out(): commands, by
 * request.c ├─▶ read_…(), write_one(): PostgreSQL └─▶ rest_answer…()    at once
 *
 * Whoever has no token, asks for what is not there, or comes when CONTROL_INFLIGHT_LIMIT is reached
 * is answered by the head: nothing of the body is kept.
 *
 * A call is one request being handled; it is freed by its answer, or when its client leaves. What
 * it had begun goes on without it.
 */
#ifndef SLIP_CONTROL_REST_H
#define SLIP_CONTROL_REST_H

#include "common/contract/token.h"
#include "common/process/config.h"
#include "common/process/http_server.h"
#include "control/problem.h"
#include "control/request.h"

struct control;
struct rest_call;
struct tail;

struct rest {
    struct control *control;
    struct http_server *server;
    struct token_verifier *verifier;
    struct command_limits limits;
    struct list calls;
    size_t call_count;
    size_t arriving_bytes; /* of bodies that are being read */
    bool is_draining;
    struct loop_timer draining;     /* then what is left is answered 503, or cut */
    struct loop_timer last_answers; /* then who has not read that is cut */
};

/* What is served at a method and a path. A `{name}` in the path stands for one segment. */
struct rest_route {
    const char *method;
    const char *path;
    void (*handle)(struct rest_call *call);
    const char *parameters; /* of its query: "limit, cursor"; NULL: none */
    bool is_public;         /* no token is asked for */
};

/* Every route under /v1. */
extern const struct rest_route rest_routes[];
extern const size_t rest_route_count;

struct rest_call {
    struct list link;
    struct list in_round; /* figures.calls or status.calls, while it waits for their answer */
    struct rest *rest;
    struct http_request *http;
    void (*handle)(struct rest_call *call); /* when the body is there */
    size_t arriving_bytes;                  /* of it, until then */
    int64_t started_us;                     /* when the head, then the body was there */
    int64_t token_expires_ms;               /* CLOCK_REALTIME */
    struct span connection;                 /* {connectionId} of the path, decoded */
    struct span channel;                    /* {channel} */
    struct span letter;                     /* {deadLetterId} */
    bool is_contract;

    /* commands */
    struct request *request;
    struct loop_timer timer;

    /* a read, or a write */
    struct database_unit *unit;
    uint64_t page_limit;
    enum problem none;     /* when there is no row */
    unsigned int status;   /* of a write that was done */
    enum problem conflict; /* there is a row, and it does not allow the write */
    char location[64];     /* for the answer to a write; or empty */

    struct tail *tail; /* rest_tail.c; NULL: none */
};

/* Serves; 0, or -errno of http_server_open(). */
MUST_USE
int rest_open(struct rest *rest, struct control *control);
/* Every call ends. */
void rest_close(struct rest *rest);
/* No new connections; on_drained, with `rest`, when the last call has its answer, at the latest
 * after CONTROL_TIMEOUT and two seconds in which clients may read the last answers. */
void rest_drain(struct rest *rest, void (*on_drained)(void *context));

/* A request under /v1 that came by another server, and the end of one that was not answered. */
bool rest_is_resource(const struct http_request *http);
void rest_handle(struct rest *rest, struct http_request *http);
void rest_gone(struct http_request *http);

/* Bytes of bodies being read and of requests being carried out. */
size_t rest_in_flight_bytes(const struct rest *rest);
/* May so many bytes of this call join them? One call alone always may: CONTROL_BODY_LIMIT bounds
 * it. */
bool rest_has_room(const struct rest_call *call, size_t bytes);

/* Ends a call that is answered, or whose client has left. */
void rest_call_destroy(struct rest_call *call);

/* ---- rest_route.c ---- */

/* Finds by the head who handles it. false: answered. */
MUST_USE
bool rest_open_call(struct rest_call *call);

/* ---- answers: each ends the call ---- */

void rest_answer_json(struct rest_call *call, unsigned int status, struct span body);
/* 202 with a Location; 204 without a body. */
void rest_answer_accepted(struct rest_call *call, struct span body, const char *location);
void rest_answer_empty(struct rest_call *call);
/* `detail` may be empty, and may quote the caller. */
void rest_answer_problem(struct rest_call *call, enum problem problem, struct span detail);
/* "<field> <reason>" */
void rest_answer_invalid(struct rest_call *call, enum problem problem, const char *field,
                         const char *reason);
/* 405; `allowed` is the value of Allow. */
void rest_answer_not_allowed(struct rest_call *call, const char *allowed);
/* 403; `reason` is static, and fit for a header. */
void rest_answer_unauthorized(struct rest_call *call, const char *reason);
/* The contract's 400; `reason` is a sentence of ours, fit for a header. */
void rest_answer_invalid_commands(struct rest_call *call, const char *reason);
/* Begins an answer that goes on; the call lives until rest_end(), or its client leaves. */
void rest_begin(struct rest_call *call, const char *content_type, struct span body);
void rest_end(struct rest_call *call);

/* ---- rest_commands.c ---- */

/* Where a command's fields come from besides the body. */
struct rest_memory {
    char *text; /* [body][connection id][channel], malloced */
    struct span body;
    struct span connection;
    struct span channel;
};

/* Copies the body and the path's parts: commands may outlive the call. The caller frees `text`, or
 * gives it to rest_carry_out(). */
struct rest_memory rest_remember(const struct rest_call *call, struct span body);

/* Carries out the commands and answers when they are applied; or answers why not. Takes the list
 * and the memory. */
void rest_carry_out(struct rest_call *call, struct command_list *list, struct rest_memory *memory);

/* A command of a known type whose fields are in `body` but for the connection or channel, which
 * are in the path: parses, checks, carries out, answers. */
void rest_command(struct rest_call *call, enum command_type type, struct span body);

/* Can commands be carried out now? false: answered why not. */
bool rest_admit(struct rest_call *call);

/* ---- rest_channels.c ---- */

/* May a channel be called so? `name` is the parameter. false: answered why not. */
MUST_USE
bool rest_channel_is_good(struct rest_call *call, const char *name, struct span channel);

/* ---- rest_tail.c ---- */

/* Its call ends: it follows no more. NULL inside is accepted. */
void tail_destroy(struct tail **tail);

/* Ends the call, as control stops. */
void tail_stop(struct rest_call *call);

/* ---- the end points ---- */

void rest_contract(struct rest_call *call);

void rest_list_connections(struct rest_call *call);
void rest_read_connection(struct rest_call *call);
void rest_send_to_connection(struct rest_call *call);
void rest_close_connection(struct rest_call *call);
void rest_subscribe(struct rest_call *call);
void rest_unsubscribe(struct rest_call *call);
void rest_set_metadata(struct rest_call *call);

void rest_list_channels(struct rest_call *call);
void rest_read_channel(struct rest_call *call);
void rest_list_members(struct rest_call *call);
void rest_publish(struct rest_call *call);
void rest_close_channel(struct rest_call *call);
void rest_tail(struct rest_call *call);

void rest_list_dead_letters(struct rest_call *call);
void rest_read_dead_letter(struct rest_call *call);
void rest_replay_dead_letter(struct rest_call *call);
void rest_discard_dead_letter(struct rest_call *call);

void rest_list_edges(struct rest_call *call);
void rest_list_processes(struct rest_call *call);
void rest_read_status(struct rest_call *call);
void rest_openapi(struct rest_call *call);

#endif
