/* The broker's side of the contract, for tests of client libraries in other languages: what the
 * broker understands of a body, and what it sends. No network, no processes of the broker.
 *
 * Reads requests from standard input until its end, and answers each before it reads the next:
 *
 *     request   list of fields, the first of which is a verb
 *     answer    list of two fields: "ok" and a text, or "error" and why
 *     list      number of fields, then each as length and bytes; numbers are 32 bits, big-endian
 *
 *     answer BODY (ID opening?)…   reads the answer to a webhook about these connections ("1" or
 * "0") control BODY                 reads what is posted to control → the commands as JSON, in
 * order, with their defaults; binary data is base64 request GROUP                a webhook's body
 * about one connection batch COUNT GROUP…           about several → the body
 *
 *     GROUP     id metadata key COUNT EVENT…
 *     EVENT     OPEN ip path query COUNT (name value)… COUNT subprotocol…
 *               TEXT data | BINARY data | CLOSE code reason
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/contract/answer.h"
#include "common/contract/event.h"
#include "common/text/base64.h"
#include "common/text/json.h"

enum { FIELD_BYTES_MAX = 1 << 28, FIELDS_MAX = 1 << 20 };

/* A request; its fields are taken one after the other. */
struct fields {
    struct span *all;
    size_t count;
    size_t next;
};

/* ---- lists ---- */

static bool read_number(uint32_t *ret_number)
{
    uint32_t number;

    if (fread(&number, sizeof number, 1, stdin) != 1)
        return false;
    *ret_number = ntohl(number);
    return true;
}

static void write_field(struct span field)
{
    uint32_t length = htonl((uint32_t)field.length);

    fwrite(&length, sizeof length, 1, stdout);
    if (field.length > 0)
        fwrite(field.data, 1, field.length, stdout);
}

static void write_answer(const char *verdict, struct span text)
{
    uint32_t count = htonl(2);

    fwrite(&count, sizeof count, 1, stdout);
    write_field(span_text(verdict));
    write_field(text);
    fflush(stdout);
}

/* false at the end of the input. Memory of exactly a field's size, so that a sanitizer sees more.
 */
static bool read_fields(struct fields *fields)
{
    uint32_t count, length;

    if (!read_number(&count))
        return false;
    ASSERT(count <= FIELDS_MAX);
    *fields = (struct fields){.all = xcalloc(count + 1, sizeof(struct span)), .count = count};
    for (size_t i = 0; i < count; i++) {
        ASSERT(read_number(&length) && length <= FIELD_BYTES_MAX);
        char *data = xmalloc(length);
        ASSERT(fread(data, 1, length, stdin) == length);
        fields->all[i] = span_of(data, length);
    }
    return true;
}

static void free_fields(struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        union {
            const char *borrowed;
            char *owned;
        } data = {.borrowed = fields->all[i].data};
        free(data.owned);
    }
    free(fields->all);
}

static struct span take(struct fields *fields)
{
    ASSERT(fields->next < fields->count);
    return fields->all[fields->next++];
}

static size_t take_number(struct fields *fields)
{
    uint64_t number;

    ASSERT(span_to_u64(take(fields), FIELDS_MAX, &number) == 0);
    return (size_t)number;
}

/* ---- commands ---- */

static void append_member(struct buffer *json, const char *name, struct span text)
{
    buffer_append_format(json, ",\"%s\":", name);
    json_append_string(json, text);
}

static void append_number(struct buffer *json, const char *name, int64_t number)
{
    buffer_append_format(json, ",\"%s\":", name);
    json_append_integer(json, number);
}

static void append_headers(struct buffer *json, const struct command *command)
{
    buffer_append_text(json, ",\"headers\":[");
    for (size_t i = 0; i < command->header_count; i++) {
        buffer_append_text(json, i > 0 ? ",[" : "[");
        json_append_string(json, command->headers[i].name);
        buffer_append_byte(json, ',');
        json_append_string(json, command->headers[i].value);
        buffer_append_byte(json, ']');
    }
    buffer_append_byte(json, ']');
}

static void append_data(struct buffer *json, const struct command *command)
{
    if (command->type != COMMAND_BINARY && command->type != COMMAND_PUBLISH_BINARY) {
        append_member(json, "data", command->data);
        return;
    }
    buffer_append_text(json, ",\"data\":\"");
    base64_append(json, command->data);
    buffer_append_byte(json, '"');
}

static void append_command(struct buffer *json, const struct command *command)
{
    unsigned fields = command_type_required(command->type) | command_type_optional(command->type);

    buffer_append_format(json, "{\"type\":\"%s\"", command_type_name(command->type));
    if (fields & COMMAND_HAS_CONNECTION)
        append_member(json, "connectionId", command->connection);
    if (fields & (COMMAND_HAS_CHANNEL | COMMAND_HAS_CHANNEL_ID))
        append_member(json, fields & COMMAND_HAS_CHANNEL ? "channel" : "channelId",
                      command->channel);
    if (fields & COMMAND_HAS_DATA)
        append_data(json, command);
    if (fields & COMMAND_HAS_METADATA) {
        buffer_append_text(json, ",\"metadata\":");
        buffer_append_span(json, command->metadata);
    }
    if (fields & COMMAND_HAS_CODE)
        append_number(json, "code", command->code);
    if (fields & COMMAND_HAS_REASON)
        append_member(json, "reason", command->reason);
    if (fields & COMMAND_HAS_STATUS)
        append_number(json, "status", command->status);
    if (fields & COMMAND_HAS_SUBPROTOCOL)
        append_member(json, "subprotocol", command->subprotocol);
    if (fields & COMMAND_HAS_BODY)
        append_member(json, "body", command->body);
    if (fields & COMMAND_HAS_HEADERS)
        append_headers(json, command);
    if (fields & COMMAND_HAS_TIMEOUT)
        append_number(json, "timeout", command->timeout_ms);
    buffer_append_byte(json, '}');
}

static void append_commands(struct buffer *json, const struct command_list *list)
{
    buffer_append_byte(json, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            buffer_append_byte(json, ',');
        append_command(json, &list->commands[i]);
    }
    buffer_append_byte(json, ']');
}

/* Decides what the rest of the fields name. */
static int split(struct command_list *list, struct fields *fields, struct contract_error *ret_error)
{
    size_t count = (fields->count - fields->next) / 2;
    struct answer_connection *own = xcalloc(count + 1, sizeof *own);

    for (size_t i = 0; i < count; i++) {
        own[i].id = take(fields);
        own[i].is_opening = span_is(take(fields), "1");
    }
    int error = answer_split(list, own, count, ret_error);
    free(own);
    return error;
}

/* With the highest bounds that an operator can choose. */
static void read_commands(struct fields *fields, enum command_context context)
{
    const struct command_limits limits = {.commands = FIELDS_MAX,
                                          .channel_name_bytes = 4096,
                                          .metadata_bytes = (size_t)1 << 20,
                                          .data_bytes = (size_t)64 << 20,
                                          .poll_limit_ms = 86400000};
    struct command_list list = {0};
    struct contract_error error;
    struct buffer text = {0};
    int result = command_list_parse(take(fields), context, &limits, &list, &error);

    if (result == 0) {
        append_commands(&text, &list); /* as they were written: splitting changes their order */
        if (context == COMMAND_IN_ANSWER)
            result = split(&list, fields, &error);
        command_list_fini(&list);
    }
    if (result < 0) {
        buffer_clear(&text);
        contract_error_append(&error, &text);
    }
    write_answer(result == 0 ? "ok" : "error", buffer_span(&text));
    buffer_fini(&text);
}

/* ---- events ---- */

static void take_open(struct fields *fields, struct event *event)
{
    struct event_handshake handshake = {0};
    struct buffer details = {0};

    handshake.ip = take(fields);
    handshake.path = take(fields);
    handshake.query = take(fields);
    handshake.header_count = take_number(fields);
    struct event_header *headers = xcalloc(handshake.header_count + 1, sizeof *headers);
    for (size_t i = 0; i < handshake.header_count; i++) {
        headers[i].name = take(fields);
        headers[i].value = take(fields);
    }
    handshake.headers = headers;
    handshake.subprotocol_count = take_number(fields);
    struct span *subprotocols = xcalloc(handshake.subprotocol_count + 1, sizeof *subprotocols);
    for (size_t i = 0; i < handshake.subprotocol_count; i++)
        subprotocols[i] = take(fields);
    handshake.subprotocols = subprotocols;
    event_open_details_append(&details, &handshake);
    event->data = buffer_span(&details); /* lives until release_groups() */
    free(headers);
    free(subprotocols);
}

static void take_event(struct fields *fields, struct event *event)
{
    struct span kind = take(fields);
    unsigned index = 0;

    while (!span_is(kind, event_kind_name((enum event_kind)index)))
        index++; /* asserts when there is none */
    *event = (struct event){.kind = (enum event_kind)index};
    if (event->kind == EVENT_OPEN) {
        take_open(fields, event);
    } else if (event->kind == EVENT_CLOSE) {
        event->code = (uint16_t)take_number(fields);
        event->reason = take(fields);
    } else {
        event->data = take(fields);
    }
}

static struct event_group *take_groups(struct fields *fields, size_t count)
{
    struct event_group *groups = xcalloc(count + 1, sizeof *groups);

    for (size_t i = 0; i < count; i++) {
        groups[i].connection = take(fields);
        groups[i].metadata = take(fields);
        groups[i].key = take(fields);
        groups[i].event_count = take_number(fields);
        struct event *events = xcalloc(groups[i].event_count + 1, sizeof *events);
        for (size_t e = 0; e < groups[i].event_count; e++)
            take_event(fields, &events[e]);
        groups[i].events = events;
    }
    return groups;
}

static void release_groups(struct event_group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        union {
            const struct event *borrowed;
            struct event *owned;
        } events = {.borrowed = groups[i].events};
        for (size_t e = 0; e < groups[i].event_count; e++) {
            union {
                const char *borrowed;
                char *owned;
            } details = {.borrowed = events.owned[e].data.data};
            if (events.owned[e].kind == EVENT_OPEN)
                free(details.owned);
        }
        free(events.owned);
    }
    free(groups);
}

static void write_events(struct fields *fields, bool is_batch)
{
    size_t count = is_batch ? take_number(fields) : 1;
    struct event_group *groups = take_groups(fields, count);
    struct buffer body = {0};

    if (is_batch)
        event_batch_append(&body, groups, count);
    else
        event_request_append(&body, groups);
    write_answer("ok", buffer_span(&body));
    buffer_fini(&body);
    release_groups(groups, count);
}

int main(void)
{
    struct fields fields;

    while (read_fields(&fields)) {
        struct span verb = take(&fields);
        if (span_is(verb, "answer"))
            read_commands(&fields, COMMAND_IN_ANSWER);
        else if (span_is(verb, "control"))
            read_commands(&fields, COMMAND_IN_CONTROL);
        else if (span_is(verb, "batch"))
            write_events(&fields, true);
        else
            write_events(&fields, false);
        free_fields(&fields);
    }
    return EXIT_SUCCESS;
}
