/* libslip: write a backend for slip-sockets in C.
 *
 * slip-sockets holds WebSocket clients and tells your backend about them by HTTP requests. What
 * your HTTP server has received goes in here, and what it must answer comes out; at any other time
 * you speak to the broker through a publisher:
 *
 *     POST body ─▶ slip_request_parse() ─▶ connections, each with its events
 *                                               │ your code
 *                  slip_accept(), slip_send_text(), slip_publish_text(), …
 *                                               ▼
 *     200 body  ◀─ slip_commands_body() ◀── struct slip_commands
 *                                               │ at any other time
 *     broker    ◀─ slip_publisher_send() ◀──────┘
 *
 * A whole backend is in examples/echo.c. Compile with `pkg-config --cflags --libs libslip`.
 *
 * Strings. What you give is text in UTF-8: names and identifiers are NUL-terminated, messages have
 * a length (SLIP_TEXT is the length of a NUL-terminated one). NULL is allowed where it says so.
 * What you are given is a struct slip_string: `length` bytes and a final NUL behind them; a text
 * may hold NULs.
 *
 * Ownership. `const T *` is borrowed for the call. What a function ending in _new, or
 * slip_request_parse, returns is yours, and ends with the _free function of its type (NULL is
 * accepted). All else belongs to the object it was asked of, and lives as long.
 *
 * Threads. An object belongs to one thread at a time; different objects do not know of each other.
 * There is no global state but libcurl's.
 *
 * Memory. When there is none, the process is aborted. The length of a body is yours to bound.
 */
#ifndef SLIP_H
#define SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLIP_MEDIA_TYPE "application/websocket-events"

struct slip_string {
    const char *data; /* never NULL; a NUL follows the last byte */
    size_t length;
};

/* The version of the library, as "1.2.3". */
const char *slip_version(void);

/* ---- errors ---- */

enum slip_result {
    SLIP_OK,
    SLIP_INVALID,            /* an argument or a body is not what it should be; not carried out */
    SLIP_DENIED,             /* the token is missing or not good */
    SLIP_NO_SUCH_CONNECTION, /* there certainly is none */
    SLIP_NOT_FOUND,          /* no such resource */
    SLIP_CONFLICT,           /* its state does not allow it */
    SLIP_NOT_APPLIED,        /* not by every edge in time: it may have been, in part or whole */
    SLIP_OVERLOADED,         /* not carried out; later it will be */
    SLIP_UNAVAILABLE,        /* the broker, or what it needs, is away */
    SLIP_UNREACHABLE,        /* no HTTP answer: no name, no connection, or it broke */
    SLIP_TIMED_OUT,          /* no HTTP answer in time */
    SLIP_UNEXPECTED,         /* an answer that is none of the contract's */
    SLIP_STOPPED,            /* a callback of yours wanted no more */
};

/* "no-such-connection" …, for logs. */
const char *slip_result_name(enum slip_result result);

/* Details of what went wrong; filled when a function that takes one does not return SLIP_OK. Pass
 * NULL when you do not care. */
struct slip_error {
    enum slip_result result;
    unsigned int status;    /* HTTP status, 0 when there was no answer */
    unsigned int attempts;  /* requests made */
    int64_t retry_after_ms; /* what the broker asked for; 0: nothing */
    char type[64];          /* the problem's type (RFC 9457), "/problems/not-ready"; or empty */
    char message[256];      /* one sentence without a full stop, UTF-8, no control characters */
};

/* ---- tokens ---- */

/* Checks the tokens (JWT, HS256) of the broker's requests. Secrets are copied, and wiped at free.
 */
struct slip_verifier;

/* While a secret is being replaced there are two: `secrets` are `count` of them, each not empty.
 * NULL when there is none, or an empty one. */
struct slip_verifier *slip_verifier_new(const char *const *secrets, size_t count);
void slip_verifier_free(struct slip_verifier *verifier);

/* `authorization` is the value of that header field, NULL when it is missing. SLIP_OK; or
 * SLIP_DENIED: answer 403. */
enum slip_result slip_verifier_check(struct slip_verifier *verifier, const char *authorization,
                                     struct slip_error *error);

#define SLIP_AUDIENCE_CONTROL "ControlEvent"   /* what a publisher shows the broker */
#define SLIP_AUDIENCE_EVENT   "WebSocketEvent" /* what the broker shows a backend */

/* A token for one of these audiences, good for `lifetime_s` from now; free() it. NULL when the
 * secret is empty or the lifetime is not 1 second to 10 years. */
char *slip_token_new(const char *secret, const char *audience, int64_t lifetime_s);

/* ---- requests ---- */

enum slip_event_type { SLIP_OPEN, SLIP_TEXT_MESSAGE, SLIP_BINARY_MESSAGE, SLIP_CLOSE };

struct slip_header {
    struct slip_string name; /* lower case */
    struct slip_string value;
};

/* What has happened to a connection. What its type has no field for is empty. */
struct slip_event {
    enum slip_event_type type;
    struct slip_string data;   /* text, or bytes of a binary message */
    uint16_t code;             /* CLOSE: 1005 when the client gave none, 1006 when it vanished */
    struct slip_string reason; /* CLOSE */
    struct slip_string ip;     /* OPEN: the client's address */
    struct slip_string path;   /* OPEN: without the query */
    struct slip_string query;  /* OPEN: without the "?" */
    const struct slip_header *headers; /* OPEN */
    size_t header_count;
    const struct slip_string *subprotocols; /* OPEN: what the client offers, in its order */
    size_t subprotocol_count;
};

/* The value of a header field of an OPEN (the name's case does not matter), or NULL. */
const struct slip_string *slip_event_header(const struct slip_event *event, const char *name);

/* One connection in a request, and what happened to it, in order. */
struct slip_connection {
    struct slip_string id;
    struct slip_string metadata;        /* JSON: what was last set; at OPEN its headers and ip */
    struct slip_string idempotency_key; /* in a request about several; else empty: see the header */
    const struct slip_event *events;
    size_t event_count;
};

/* A webhook's request: about one connection, or several (WEBHOOK_BATCH_CONNECTIONS). */
struct slip_request;

/* Reads a body. SLIP_OK with a request; or SLIP_INVALID: answer 400. */
enum slip_result slip_request_parse(const char *body, size_t length,
                                    struct slip_request **ret_request, struct slip_error *error);
void slip_request_free(struct slip_request *request);

/* At least one. */
size_t slip_request_connection_count(const struct slip_request *request);
/* NULL when there are not so many. */
const struct slip_connection *slip_request_connection(const struct slip_request *request,
                                                      size_t index);

/* ---- commands ---- */

/* Commands, in the order to be carried out: the answer to a request, or what a publisher sends.
 *
 * Each function below appends one, and returns SLIP_OK; or SLIP_INVALID when an argument can be no
 * part of a command (no UTF-8, an empty or too long name, a code that must not be sent, …). The
 * first error sticks: later calls append nothing, and slip_commands_body() gives no body. So a list
 * may be built without looking at each result. Bounds that operators choose are checked by the
 * broker. */
struct slip_commands;

struct slip_commands *slip_commands_new(void);
void slip_commands_free(struct slip_commands *commands);
/* Empty and without an error again, keeping its memory. */
void slip_commands_clear(struct slip_commands *commands);
size_t slip_commands_count(const struct slip_commands *commands);
/* What was wrong; SLIP_OK when nothing was. */
enum slip_result slip_commands_error(const struct slip_commands *commands,
                                     struct slip_error *error);

/* The answer's body (status 200, Content-Type SLIP_MEDIA_TYPE), valid until the list changes; NULL
 * after an error: answer 500, and the broker asks again. An empty list is a body as well. */
const char *slip_commands_body(struct slip_commands *commands, size_t *ret_length);

/* `length` of a message that ends with a NUL. */
#define SLIP_TEXT SIZE_MAX

/* A header field that you set. */
struct slip_field {
    const char *name;
    const char *value;
};

/* Further things an acceptance can say. Zero-initialised is nothing. */
struct slip_accept_options {
    const char *subprotocol;          /* one that the client offered; or NULL */
    const struct slip_field *headers; /* of the HTTP answer */
    size_t header_count;
};

/* Of a refusal. Zero-initialised: 403 without a body. */
struct slip_refuse_options {
    unsigned int status; /* 300 … 599; 0 is 403 */
    const char *body;    /* text; or NULL */
    const struct slip_field *headers;
    size_t header_count;
};

/* In the answer to OPEN: lets the client in; the connection's other commands take effect on the
 * open socket. `options` may be NULL. */
enum slip_result slip_accept(struct slip_commands *commands, const char *connection,
                             const struct slip_accept_options *options);
/* In the answer to OPEN: turns the client away with an HTTP status. `options` may be NULL. */
enum slip_result slip_refuse(struct slip_commands *commands, const char *connection,
                             const struct slip_refuse_options *options);
/* Closes an open connection with a code (0 is 1000) and a reason of up to 123 bytes (may be NULL).
 */
enum slip_result slip_close(struct slip_commands *commands, const char *connection, uint16_t code,
                            const char *reason);
enum slip_result slip_send_text(struct slip_commands *commands, const char *connection,
                                const char *data, size_t length);
enum slip_result slip_send_binary(struct slip_commands *commands, const char *connection,
                                  const void *data, size_t length);
enum slip_result slip_subscribe(struct slip_commands *commands, const char *connection,
                                const char *channel);
enum slip_result slip_unsubscribe(struct slip_commands *commands, const char *connection,
                                  const char *channel);
/* Replaces the metadata that comes with every event: `json` is any JSON. */
enum slip_result slip_set_metadata(struct slip_commands *commands, const char *connection,
                                   const char *json);
/* To every member of the channel. */
enum slip_result slip_publish_text(struct slip_commands *commands, const char *channel,
                                   const char *data, size_t length);
enum slip_result slip_publish_binary(struct slip_commands *commands, const char *channel,
                                     const void *data, size_t length);
/* Closes every member; code and reason as for slip_close(). */
enum slip_result slip_close_channel(struct slip_commands *commands, const char *channel,
                                    uint16_t code, const char *reason);
/* For a publisher: holds the commands behind it back until that connection is open, at most this
 * long. */
enum slip_result slip_poll_for_connection(struct slip_commands *commands, const char *connection,
                                          int64_t timeout_ms);

/* ---- the publisher ---- */

/* Speaks to control, the broker's REST API. It keeps its HTTP connection.
 *
 * A request that failed in a way that may pass (no connection, no answer in time, 429, 502, 503,
 * 504) is made again after a pause that doubles and jitters, or after what Retry-After asks for
 * when that is longer. Each request with commands carries an Idempotency-Key, the same in every
 * attempt, so that nothing happens twice. SLIP_OK means: applied by every edge concerned. */
struct slip_publisher;

/* Zero is the default of every number. Strings are copied. */
struct slip_publisher_options {
    const char *control_api; /* "http://127.0.0.1:8081": the output slip-sockets.controlApi */
    const char *jwt_secret;  /* tokens are made with it … */
    const char *token;       /* … or this one is shown; exactly one of the two is given */
    int64_t timeout_ms;      /* of one attempt; 10 s. A poll's time-out is added */
    int64_t retry_limit_ms;  /* a longer Retry-After is not waited for; 10 s */
    unsigned int attempts;   /* at most, 1 … 100; 4 */
    const char *ca_file;     /* PEM, for https with a certificate of your own; NULL: the system's */
};

/* SLIP_OK with a publisher; or SLIP_INVALID. Nothing is sent yet. */
enum slip_result slip_publisher_new(const struct slip_publisher_options *options,
                                    struct slip_publisher **ret_publisher,
                                    struct slip_error *error);
void slip_publisher_free(struct slip_publisher *publisher);

/* Sends all of a list in one request. `idempotency_key` (1 to 255 printable ASCII characters) is
 * yours when you may repeat the request later, else NULL. After an error of the list: that. */
enum slip_result slip_publisher_send(struct slip_publisher *publisher,
                                     struct slip_commands *commands, const char *idempotency_key,
                                     struct slip_error *error);

/* Single commands, by the resources under /v1: unlike the list these say SLIP_NO_SUCH_CONNECTION.
 */
enum slip_result slip_publisher_publish_text(struct slip_publisher *publisher, const char *channel,
                                             const char *data, size_t length,
                                             struct slip_error *error);
enum slip_result slip_publisher_publish_binary(struct slip_publisher *publisher,
                                               const char *channel, const void *data, size_t length,
                                               struct slip_error *error);
enum slip_result slip_publisher_send_text(struct slip_publisher *publisher, const char *connection,
                                          const char *data, size_t length,
                                          struct slip_error *error);
enum slip_result slip_publisher_send_binary(struct slip_publisher *publisher,
                                            const char *connection, const void *data, size_t length,
                                            struct slip_error *error);
enum slip_result slip_publisher_close(struct slip_publisher *publisher, const char *connection,
                                      uint16_t code, const char *reason, struct slip_error *error);
enum slip_result slip_publisher_close_channel(struct slip_publisher *publisher, const char *channel,
                                              uint16_t code, const char *reason,
                                              struct slip_error *error);
enum slip_result slip_publisher_subscribe(struct slip_publisher *publisher, const char *connection,
                                          const char *channel, struct slip_error *error);
enum slip_result slip_publisher_unsubscribe(struct slip_publisher *publisher,
                                            const char *connection, const char *channel,
                                            struct slip_error *error);
enum slip_result slip_publisher_set_metadata(struct slip_publisher *publisher,
                                             const char *connection, const char *json,
                                             struct slip_error *error);

/* Any request of the REST API (docs/rest.md): `path` begins with "/v1/" and is already encoded, see
 * slip_path_new(). `body` is JSON, or NULL for none. SLIP_OK with the answer's body (a final NUL
 * follows), yours to free(), when the status is 2xx. */
enum slip_result slip_publisher_call(struct slip_publisher *publisher, const char *method,
                                     const char *path, const char *body, char **ret_body,
                                     size_t *ret_length, struct slip_error *error);

/* Reads an answer that does not end: server-sent events of "/v1/channels/{}/messages", to follow a
 * channel. It goes on until on_data returns false (SLIP_STOPPED), until nothing was said for
 * `silence_ms` (SLIP_TIMED_OUT; the broker says something every 15 s), or until it ends after all
 * (SLIP_UNREACHABLE): the broker stops, or the token has expired, an hour after it was made of
 * jwt_secret (the last line is then ": the token has expired"). What was said before is not said
 * again. One attempt; timeout_ms is for the time until the answer begins. on_data gets what has
 * come, not whole lines, and is called about once a second without data (length 0) too. */
enum slip_result
slip_publisher_stream(struct slip_publisher *publisher, const char *path, int64_t silence_ms,
                      bool (*on_data)(void *context, const char *data, size_t length),
                      void *context, struct slip_error *error);

/* "/v1/channels/{}/messages" with each {} replaced by the next of `count` texts, percent-encoded
 * (RFC 3986 §2.1; a slash too). free() it. */
char *slip_path_new(const char *pattern, const char *const *texts, size_t count);

#ifdef __cplusplus
}
#endif

#endif
