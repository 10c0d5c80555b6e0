#include <inttypes.h>
#include <stdlib.h>

#include "clients/c/internal.h"
#include "common/contract/rules.h"
#include "common/text/base64.h"
#include "common/text/json.h"
#include "common/text/utf8.h"

/* What the wire bounds; the operator's CHANNEL_NAME_LIMIT is smaller. */
enum { CHANNEL_BYTES_MAX = 4096, POLL_MS_MAX = 86400000 };

struct slip_commands {
    struct buffer body; /* {"events":[ … without the end; a command that fails is taken back */
    size_t start;       /* of the command being written */
    size_t count;
    int64_t poll_ms; /* of all polls */
    struct slip_error error;
};

static const char HEAD[] = "{\"events\":[";
static const char TAIL[] = "]}";

struct slip_commands *slip_commands_new(void)
{
    struct slip_commands *commands = xcalloc(1, sizeof *commands);

    slip_commands_clear(commands);
    return commands;
}

void slip_commands_free(struct slip_commands *commands)
{
    if (!commands)
        return;
    buffer_fini(&commands->body);
    free(commands);
}

void slip_commands_clear(struct slip_commands *commands)
{
    buffer_clear(&commands->body);
    buffer_append_text(&commands->body, HEAD);
    commands->count = 0;
    commands->poll_ms = 0;
    commands->error = (struct slip_error){.result = SLIP_OK};
}

size_t slip_commands_count(const struct slip_commands *commands)
{
    return commands->count;
}

int64_t commands_poll_ms(const struct slip_commands *commands)
{
    return commands->poll_ms;
}

enum slip_result slip_commands_error(const struct slip_commands *commands, struct slip_error *error)
{
    if (error)
        *error = commands->error;
    return commands->error.result;
}

/* The end is written behind the body, not into it: the list may go on. */
const char *slip_commands_body(struct slip_commands *commands, size_t *ret_length)
{
    if (commands->error.result != SLIP_OK)
        return NULL;
    memcpy(buffer_reserve(&commands->body, sizeof TAIL), TAIL, sizeof TAIL);
    *ret_length = commands->body.length + sizeof TAIL - 1;
    return commands->body.data;
}

/* ---- writing one ---- */

static bool failed(const struct slip_commands *commands)
{
    return commands->error.result != SLIP_OK;
}

static void fail(struct slip_commands *commands, const char *field, const char *reason)
{
    if (failed(commands))
        return;
    error_set(&commands->error, SLIP_INVALID, "command %zu: %s %s", commands->count, field, reason);
}

static void begin(struct slip_commands *commands, const char *type)
{
    commands->start = commands->body.length;
    if (failed(commands))
        return;
    if (commands->count > 0)
        buffer_append_byte(&commands->body, ',');
    buffer_append_format(&commands->body, "{\"type\":\"%s\"", type);
}

static enum slip_result end(struct slip_commands *commands)
{
    if (failed(commands)) {
        commands->body.length = commands->start;
        return commands->error.result;
    }
    buffer_append_byte(&commands->body, '}');
    commands->count++;
    return SLIP_OK;
}

static void member(struct slip_commands *commands, const char *name)
{
    buffer_append_format(&commands->body, ",\"%s\":", name);
}

/* `reason`: what a rule said, NULL when the text is good. */
static void text_member(struct slip_commands *commands, const char *name, struct span text,
                        const char *reason)
{
    if (reason)
        fail(commands, name, reason);
    if (failed(commands))
        return;
    member(commands, name);
    json_append_string(&commands->body, text);
}

static void integer_member(struct slip_commands *commands, const char *name, int64_t value,
                           const char *reason)
{
    if (reason)
        fail(commands, name, reason);
    if (failed(commands))
        return;
    member(commands, name);
    json_append_integer(&commands->body, value);
}

static void connection_member(struct slip_commands *commands, const char *connection)
{
    struct span id = span_text(connection);
    const char *reason = NULL;

    if (id.length == 0)
        reason = "is empty";
    else if (id.length > RULES_CONNECTION_ID_BYTES_MAX)
        reason = "is too long";
    else if (!utf8_is_valid(id))
        reason = "is not UTF-8";
    text_member(commands, "connectionId", id, reason);
}

static void channel_member(struct slip_commands *commands, const char *name, const char *channel)
{
    struct span span = span_text(channel);
    text_member(commands, name, span, rules_check_channel(span, CHANNEL_BYTES_MAX));
}

static void close_members(struct slip_commands *commands, uint16_t code, const char *reason)
{
    struct span text = span_text(reason);

    if (code != 0)
        integer_member(commands, "code", code, rules_check_close_code(code));
    if (text.length > 0)
        text_member(commands, "reason", text, rules_check_reason(text));
}

static void data_member(struct slip_commands *commands, const void *data, size_t length,
                        bool is_binary)
{
    struct span span = length == SLIP_TEXT ? span_text(data) : span_of(data, length);

    if (!is_binary) {
        text_member(commands, "data", span, utf8_is_valid(span) ? NULL : "is not UTF-8");
    } else if (!failed(commands)) {
        member(commands, "data");
        buffer_append_byte(&commands->body, '"');
        base64_append(&commands->body, span);
        buffer_append_byte(&commands->body, '"');
    }
}

static const char *check_header(const struct slip_field *header, size_t *bytes)
{
    struct span name = span_text(header->name), value = span_text(header->value);
    const char *reason = rules_check_header_name(name);

    if (!reason)
        reason = rules_check_header_value(value);
    *bytes += name.length + value.length + 4;
    if (!reason && *bytes > RULES_HEADERS_BYTES_MAX)
        reason = "are too long";
    return reason;
}

static void headers_member(struct slip_commands *commands, const struct slip_field *headers,
                           size_t count)
{
    size_t bytes = 0;

    if (count > RULES_HEADERS_MAX)
        fail(commands, "headers", "are too many");
    for (size_t i = 0; i < count && !failed(commands); i++) {
        const char *reason = check_header(&headers[i], &bytes);
        if (reason)
            fail(commands, "headers", reason);
    }
    if (count == 0 || failed(commands))
        return;
    member(commands, "headers");
    for (size_t i = 0; i < count; i++) {
        buffer_append_byte(&commands->body, i == 0 ? '{' : ',');
        json_append_string(&commands->body, span_text(headers[i].name));
        buffer_append_byte(&commands->body, ':');
        json_append_string(&commands->body, span_trim(span_text(headers[i].value)));
    }
    buffer_append_byte(&commands->body, '}');
}

/* ---- the commands ---- */

enum slip_result slip_accept(struct slip_commands *commands, const char *connection,
                             const struct slip_accept_options *options)
{
    begin(commands, "ACCEPT");
    connection_member(commands, connection);
    if (options && options->subprotocol) {
        struct span subprotocol = span_text(options->subprotocol);
        text_member(commands, "subprotocol", subprotocol, rules_check_subprotocol(subprotocol));
    }
    if (options)
        headers_member(commands, options->headers, options->header_count);
    return end(commands);
}

enum slip_result slip_refuse(struct slip_commands *commands, const char *connection,
                             const struct slip_refuse_options *options)
{
    struct span body = span_text(options ? options->body : NULL);

    begin(commands, "CLOSE");
    connection_member(commands, connection);
    if (options && options->status != 0)
        integer_member(commands, "status", options->status, rules_check_status(options->status));
    if (body.length > RULES_REFUSAL_BODY_BYTES_MAX)
        fail(commands, "body", "is too long");
    if (body.length > 0)
        text_member(commands, "body", body, utf8_is_valid(body) ? NULL : "is not UTF-8");
    if (options)
        headers_member(commands, options->headers, options->header_count);
    return end(commands);
}

enum slip_result slip_close(struct slip_commands *commands, const char *connection, uint16_t code,
                            const char *reason)
{
    begin(commands, "CLOSE");
    connection_member(commands, connection);
    close_members(commands, code, reason);
    return end(commands);
}

static enum slip_result send_data(struct slip_commands *commands, const char *type,
                                  const char *connection, const void *data, size_t length)
{
    begin(commands, type);
    connection_member(commands, connection);
    data_member(commands, data, length, strcmp(type, "BINARY") == 0);
    return end(commands);
}

enum slip_result slip_send_text(struct slip_commands *commands, const char *connection,
                                const char *data, size_t length)
{
    return send_data(commands, "TEXT", connection, data, length);
}

enum slip_result slip_send_binary(struct slip_commands *commands, const char *connection,
                                  const void *data, size_t length)
{
    return send_data(commands, "BINARY", connection, data, length);
}

static enum slip_result membership(struct slip_commands *commands, const char *type,
                                   const char *connection, const char *channel)
{
    begin(commands, type);
    connection_member(commands, connection);
    channel_member(commands, "channel", channel);
    return end(commands);
}

enum slip_result slip_subscribe(struct slip_commands *commands, const char *connection,
                                const char *channel)
{
    return membership(commands, "SUBSCRIBE", connection, channel);
}

enum slip_result slip_unsubscribe(struct slip_commands *commands, const char *connection,
                                  const char *channel)
{
    return membership(commands, "UNSUBSCRIBE", connection, channel);
}

/* The broker reads JSON_DEPTH_MAX levels, and metadata stand in three of them. */
static bool is_too_deep(struct span metadata)
{
    struct buffer nested = {0};

    buffer_append_text(&nested, "[[[");
    buffer_append_span(&nested, metadata);
    buffer_append_text(&nested, "]]]");
    bool is_valid = json_is_valid(buffer_span(&nested));
    buffer_fini(&nested);
    return !is_valid;
}

enum slip_result slip_set_metadata(struct slip_commands *commands, const char *connection,
                                   const char *json)
{
    struct span metadata = span_text(json);

    begin(commands, "SET_METADATA");
    connection_member(commands, connection);
    if (!json_is_valid(metadata))
        fail(commands, "metadata", "is not JSON");
    else if (is_too_deep(metadata))
        fail(commands, "metadata", "is nested more than 61 levels deep");
    if (!failed(commands)) {
        member(commands, "metadata");
        buffer_append_span(&commands->body, metadata);
    }
    return end(commands);
}

static enum slip_result publish(struct slip_commands *commands, const char *type,
                                const char *channel, const void *data, size_t length)
{
    begin(commands, type);
    channel_member(commands, "channelId", channel);
    data_member(commands, data, length, strcmp(type, "PUBLISH_BINARY") == 0);
    return end(commands);
}

enum slip_result slip_publish_text(struct slip_commands *commands, const char *channel,
                                   const char *data, size_t length)
{
    return publish(commands, "PUBLISH_TEXT", channel, data, length);
}

enum slip_result slip_publish_binary(struct slip_commands *commands, const char *channel,
                                     const void *data, size_t length)
{
    return publish(commands, "PUBLISH_BINARY", channel, data, length);
}

enum slip_result slip_close_channel(struct slip_commands *commands, const char *channel,
                                    uint16_t code, const char *reason)
{
    begin(commands, "CLOSE_CHANNEL");
    channel_member(commands, "channelId", channel);
    close_members(commands, code, reason);
    return end(commands);
}

enum slip_result slip_poll_for_connection(struct slip_commands *commands, const char *connection,
                                          int64_t timeout_ms)
{
    bool is_good = timeout_ms >= 0 && timeout_ms <= POLL_MS_MAX;

    begin(commands, "POLL_FOR_CONNECTION");
    connection_member(commands, connection);
    integer_member(commands, "timeout", timeout_ms,
                   is_good ? NULL : "is not 0 … 86400000 milliseconds");
    if (!failed(commands))
        commands->poll_ms += timeout_ms;
    return end(commands);
}
