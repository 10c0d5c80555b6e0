/* Events: what the backend is told, as the body of a webhook.
 *
 *     one connection       {"connectionId": "…", "metadata": …, "events": [ … ]}
 *     several (an option)  {"batch": [ {"connectionId", "metadata", "idempotencyKey", "events"}, …
 * ]}
 *
 * A connection's events are numbered from 0, which is OPEN. A batch of them is named by its key,
 * "<id>:<first>-<last>"; CLOSE goes alone and is "<id>:close".
 *
 * What OPEN tells beyond the original contract comes as one fragment of JSON, the details, that the
 * edge builds once from the handshake: it holds members without braces and is copied as it is.
 *
 * Pure functions; all output is appended to a buffer of the caller.
 */
#ifndef SLIP_CONTRACT_EVENT_H
#define SLIP_CONTRACT_EVENT_H

#include "common/base/buffer.h"
#include "common/contract/rules.h"

enum event_kind { EVENT_OPEN, EVENT_TEXT, EVENT_BINARY, EVENT_CLOSE, EVENT_KIND_COUNT };

/* All spans are borrowed. */
struct event {
    enum event_kind kind;
    uint64_t sequence;
    struct span data;   /* OPEN: the details, may be empty; TEXT: UTF-8; BINARY: bytes */
    uint16_t code;      /* CLOSE: 0 is written as 1005 */
    struct span reason; /* CLOSE: UTF-8 */
};

/* The events of one connection that go in one request. */
struct event_group {
    struct span connection;
    struct span metadata; /* JSON; empty is null */
    struct span key;      /* written in the form for several connections only */
    const struct event *events;
    size_t event_count;
};

/* "OPEN" … */
const char *event_kind_name(enum event_kind kind);

/* The body for one connection. */
void event_request_append(struct buffer *buffer, const struct event_group *group);

/* The body for several connections. */
void event_batch_append(struct buffer *buffer, const struct event_group *groups, size_t count);

/* The media type of both, and of the answers and control requests. */
#define EVENT_MEDIA_TYPE "application/websocket-events"

/* The longest key, with its final NUL. */
#define EVENT_KEY_SIZE (RULES_CONNECTION_ID_BYTES_MAX + 1 + 20 + 1 + 20 + 1)

struct event_key {
    char text[EVENT_KEY_SIZE]; /* NUL-terminated */
    size_t length;
};

/* "<id>:<first>-<last>"; the id is ours (at most RULES_CONNECTION_ID_BYTES_MAX; asserted). */
struct event_key event_key_of(struct span connection, uint64_t first, uint64_t last);

/* "<id>:close" */
struct event_key event_key_of_close(struct span connection);

static inline struct span event_key_span(const struct event_key *key)
{
    return span_of(key->text, key->length);
}

/* A field of the client's handshake. */
struct event_header {
    struct span name; /* lower case */
    struct span value;
};

/* The handshake, for OPEN. Text that is not UTF-8 is read as Latin-1. Fields of the same name are
 * joined with ", ", cookies with "; " (RFC 9110 §5.3, RFC 9113 §8.2.3). */
struct event_handshake {
    const struct event_header *headers;
    size_t header_count;
    struct span ip;
    struct span path;  /* without the query */
    struct span query; /* without the "?" */
    const struct span *subprotocols;
    size_t subprotocol_count;
};

/* The first metadata of a connection: {"headers": {…}, "ip": "…"}. */
void event_open_metadata_append(struct buffer *buffer, const struct event_handshake *handshake);

/* The details: "headers": {…}, "ip": "…", "path": "…", "query": "…", "subprotocols": […] */
void event_open_details_append(struct buffer *buffer, const struct event_handshake *handshake);

#endif
