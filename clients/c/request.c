/* What was received is read once: strings are unescaped into one block. A string's text with its
 * NUL is never longer than its spelling with two quotes, so a block as long as the body holds them
 * all. */
#include <stdlib.h>

#include "clients/c/internal.h"
#include "common/contract/rules.h"
#include "common/text/base64.h"
#include "common/text/json.h"

struct slip_request {
    struct slip_connection *connections;
    size_t connection_count;
    void **arrays; /* what connections and events point to, to be freed */
    size_t array_count;
    char *text;
    size_t text_length;
};

/* The members of an event before it is known which of them count. */
struct members {
    struct slip_string type;
    struct slip_string connection;
    bool has_data;
};

static const struct slip_string EMPTY = {"", 0};

/* ---- texts ---- */

static struct slip_string keep_bytes(struct slip_request *request, struct span bytes)
{
    struct slip_string kept = {request->text + request->text_length, bytes.length};
    if (bytes.length > 0)
        memcpy(request->text + request->text_length, bytes.data, bytes.length);
    request->text_length += bytes.length;
    request->text[request->text_length++] = '\0';
    return kept;
}

static struct slip_string take_text(struct slip_request *request, struct json_reader *reader)
{
    struct json_value value = json_take_string(reader);
    char *text = request->text + request->text_length;
    size_t length = 0;

    if (reader->error)
        return EMPTY;
    if (!value.has_escapes)
        return keep_bytes(request, json_string_inside(&value));
    if (json_unescape(&value, text, &length) < 0) {
        json_fail(reader, "is no text");
        return EMPTY;
    }
    text[length] = '\0';
    request->text_length += length + 1;
    return (struct slip_string){text, length};
}

static bool is(struct slip_string text, const char *expected)
{
    return span_is(span_of(text.data, text.length), expected);
}

/* Room for one more in an array of `count`: it doubles at powers of two. */
static void *room_for_one(void *array, size_t count, size_t size)
{
    bool is_full = (count & (count - 1)) == 0;
    return is_full ? xrealloc(array, (count ? 2 * count : 1) * size) : array;
}

/* Takes an array that grows no more. */
static void keep_array(struct slip_request *request, void *array)
{
    request->arrays = room_for_one(request->arrays, request->array_count, sizeof *request->arrays);
    request->arrays[request->array_count++] = array;
}

/* ---- OPEN ---- */

static void read_headers(struct slip_request *request, struct slip_event *event,
                         struct json_reader *reader)
{
    struct slip_header *headers = NULL;
    struct span key;

    json_enter_object(reader);
    while (json_next_key(reader, &key)) {
        headers = room_for_one(headers, event->header_count, sizeof *headers);
        struct slip_header *header = &headers[event->header_count++];
        header->name = keep_bytes(request, key);
        header->value = take_text(request, reader);
    }
    keep_array(request, headers);
    event->headers = headers;
}

static void read_subprotocols(struct slip_request *request, struct slip_event *event,
                              struct json_reader *reader)
{
    struct slip_string *subprotocols = NULL;

    json_enter_array(reader);
    while (json_next_element(reader)) {
        subprotocols = room_for_one(subprotocols, event->subprotocol_count, sizeof *subprotocols);
        subprotocols[event->subprotocol_count++] = take_text(request, reader);
    }
    keep_array(request, subprotocols);
    event->subprotocols = subprotocols;
}

const struct slip_string *slip_event_header(const struct slip_event *event, const char *name)
{
    for (size_t i = 0; i < event->header_count; i++) {
        const struct slip_header *header = &event->headers[i];
        if (span_equal_nocase(span_of(header->name.data, header->name.length), span_text(name)))
            return &header->value;
    }
    return NULL;
}

/* ---- events ---- */

static bool read_member(struct slip_request *request, struct slip_event *event,
                        struct members *members, struct json_reader *reader, struct span key)
{
    if (span_is(key, "type"))
        members->type = take_text(request, reader);
    else if (span_is(key, "connectionId"))
        members->connection = take_text(request, reader);
    else if (span_is(key, "data"))
        event->data = take_text(request, reader), members->has_data = true;
    else if (span_is(key, "code"))
        event->code = (uint16_t)json_take_integer(reader, 0, 4999);
    else if (span_is(key, "reason"))
        event->reason = take_text(request, reader);
    else if (span_is(key, "ip"))
        event->ip = take_text(request, reader);
    else if (span_is(key, "path"))
        event->path = take_text(request, reader);
    else if (span_is(key, "query"))
        event->query = take_text(request, reader);
    else if (span_is(key, "headers") && !event->headers)
        read_headers(request, event, reader);
    else if (span_is(key, "subprotocols") && !event->subprotocols)
        read_subprotocols(request, event, reader);
    else
        return false;
    return true;
}

/* In place: bytes are fewer than their base64. */
static void decode_data(struct slip_request *request, struct slip_event *event,
                        struct json_reader *reader)
{
    char *data;
    size_t length;

    if (event->data.length == 0)
        return;
    data = request->text + (event->data.data - request->text);
    if (base64_decode(span_of(data, event->data.length), data, &length) < 0) {
        json_fail(reader, "is no base64");
        return;
    }
    data[length] = '\0';
    event->data.length = length;
}

static void settle_event(struct slip_request *request, struct slip_event *event,
                         const struct members *members, struct json_reader *reader)
{
    bool has_data = true;

    if (is(members->type, "OPEN")) {
        event->type = SLIP_OPEN;
    } else if (is(members->type, "CLOSE")) {
        event->type = SLIP_CLOSE;
        event->code = event->code ? event->code : RULES_CLOSE_CODE_NONE;
    } else if (is(members->type, "TEXT")) {
        event->type = SLIP_TEXT_MESSAGE;
        has_data = members->has_data;
    } else if (is(members->type, "BINARY")) {
        event->type = SLIP_BINARY_MESSAGE;
        has_data = members->has_data;
        decode_data(request, event, reader);
    } else {
        json_fail(reader, "is an event of no known type");
    }
    if (members->connection.length == 0 || !has_data)
        json_fail(reader, "is an event without connectionId or data");
}

static void read_event(struct slip_request *request, struct slip_event *event,
                       struct json_reader *reader)
{
    struct members members = {.type = EMPTY, .connection = EMPTY};
    struct span key;

    *event = (struct slip_event){
        .data = EMPTY, .reason = EMPTY, .ip = EMPTY, .path = EMPTY, .query = EMPTY};
    json_enter_object(reader);
    while (json_next_key(reader, &key))
        if (!read_member(request, event, &members, reader, key))
            json_skip(reader);
    if (!reader->error)
        settle_event(request, event, &members, reader);
}

static void read_events(struct slip_request *request, struct slip_connection *connection,
                        struct json_reader *reader)
{
    struct slip_event *events = NULL;

    json_enter_array(reader);
    while (json_next_element(reader)) {
        events = room_for_one(events, connection->event_count, sizeof *events);
        read_event(request, &events[connection->event_count++], reader);
    }
    keep_array(request, events);
    connection->events = events;
}

/* ---- connections ---- */

static struct slip_connection *add_connection(struct slip_request *request)
{
    struct slip_connection *connection;

    request->connections =
        room_for_one(request->connections, request->connection_count, sizeof *request->connections);
    connection = &request->connections[request->connection_count++];
    *connection =
        (struct slip_connection){.id = EMPTY, .metadata = {"null", 4}, .idempotency_key = EMPTY};
    return connection;
}

/* false: none of a connection's. */
static bool read_connection_member(struct slip_request *request, struct slip_connection *connection,
                                   struct json_reader *reader, struct span key)
{
    if (span_is(key, "connectionId"))
        connection->id = take_text(request, reader);
    else if (span_is(key, "metadata"))
        connection->metadata = keep_bytes(request, json_take_raw(reader));
    else if (span_is(key, "idempotencyKey"))
        connection->idempotency_key = take_text(request, reader);
    else if (span_is(key, "events") && !connection->events)
        read_events(request, connection, reader);
    else
        return false;
    return true;
}

static void check_connection(const struct slip_connection *connection, struct json_reader *reader)
{
    if (connection->id.length == 0 || connection->event_count == 0)
        json_fail(reader, "is a connection without connectionId or events");
}

static void read_batch(struct slip_request *request, struct json_reader *reader)
{
    struct span key;

    json_enter_array(reader);
    while (json_next_element(reader)) {
        struct slip_connection *connection = add_connection(request);
        json_enter_object(reader);
        while (json_next_key(reader, &key))
            if (!read_connection_member(request, connection, reader, key))
                json_skip(reader);
        check_connection(connection, reader);
    }
}

/* A body that has both forms is read as a batch, as the broker never writes it. */
static void read_body(struct slip_request *request, struct json_reader *reader)
{
    bool is_batch = false;
    struct span key;

    add_connection(request);
    json_enter_object(reader);
    while (json_next_key(reader, &key)) {
        if (span_is(key, "batch") && !is_batch) {
            is_batch = true;
            read_batch(request, reader);
        } else if (!read_connection_member(request, &request->connections[0], reader, key)) {
            json_skip(reader);
        }
    }
    if (!is_batch)
        check_connection(&request->connections[0], reader);
    else if (request->connection_count == 1)
        json_fail(reader, "is an empty batch");
}

/* The place for a single connection's members is not wanted in a batch. */
static void drop_first(struct slip_request *request)
{
    request->connection_count--;
    memmove(request->connections, request->connections + 1,
            request->connection_count * sizeof request->connections[0]);
}

enum slip_result slip_request_parse(const char *body, size_t length,
                                    struct slip_request **ret_request, struct slip_error *error)
{
    struct slip_request *request = xcalloc(1, sizeof *request);
    struct json_reader reader;

    request->text = xmalloc(length + 1);
    json_reader_init(&reader, span_of(body, length));
    read_body(request, &reader);
    if (json_finish(&reader) < 0) {
        error_set(error, SLIP_INVALID, "the body at byte %zu: %s", reader.error_position,
                  reader.error);
        slip_request_free(request);
        return SLIP_INVALID;
    }
    if (request->connection_count > 1)
        drop_first(request);
    *ret_request = request;
    return SLIP_OK;
}

void slip_request_free(struct slip_request *request)
{
    if (!request)
        return;
    for (size_t i = 0; i < request->array_count; i++)
        free(request->arrays[i]);
    free(request->arrays);
    free(request->connections);
    free(request->text);
    free(request);
}

size_t slip_request_connection_count(const struct slip_request *request)
{
    return request->connection_count;
}

const struct slip_connection *slip_request_connection(const struct slip_request *request,
                                                      size_t index)
{
    return index < request->connection_count ? &request->connections[index] : NULL;
}
