#include "common/contract/command_fields.h"

#include <stdlib.h>

#include "common/text/base64.h"

enum { FIRST_HEADER_CAPACITY = 8, HEADER_LINE_OVERHEAD = 4 /* colon, blank, CR, LF */ };

static const struct {
    const char *text;
    size_t length;
} field_names[COMMAND_FIELD_COUNT] = {
#define COMMAND_FIELD(id, name) [COMMAND_FIELD_##id] = {name, sizeof(name) - 1},
#include "common/contract/commands.def"
#undef COMMAND_FIELD
};

const char *command_field_name(enum command_field field)
{
    return field_names[field].text;
}

enum command_field command_field_find(struct span name)
{
    unsigned field = 0;

    while (field < COMMAND_FIELD_COUNT &&
           !(field_names[field].length == name.length &&
             memcmp(field_names[field].text, name.data, name.length) == 0))
        field++;
    return (enum command_field)field;
}

void command_parser_fail(struct command_parser *parser, const char *field, const char *at,
                         const char *reason)
{
    if (parser->error.reason)
        return;
    parser->error = (struct contract_error){
        .index = parser->index,
        .field = field,
        .reason = reason,
        .position = (size_t)(at - parser->body.data),
    };
}

static bool fail(struct command_parser *parser, enum command_field field,
                 const struct json_value *value, const char *reason)
{
    command_parser_fail(parser, command_field_name(field), value->raw.data, reason);
    return false;
}

/* `setting` may be NULL: the contract's own limit. */
static bool fail_too_long(struct command_parser *parser, enum command_field field,
                          const struct json_value *value, size_t limit_bytes, const char *setting)
{
    if (parser->error.reason)
        return false;
    fail(parser, field, value, "is too long");
    parser->error.limit_bytes = limit_bytes;
    parser->error.setting = setting;
    return false;
}

/* Room for text that is not in the body as it is. All such texts together are no longer than the
 * body, because each comes from its own part of it and escapes and base64 only shrink. */
static char *text_room(struct command_parser *parser)
{
    struct command_list *list = &parser->list;

    if (!list->text)
        list->text = xmalloc(parser->body.length);
    return list->text + list->text_length;
}

static struct span keep_text(struct command_parser *parser, struct span text)
{
    char *room = text_room(parser);

    memcpy(room, text.data, text.length);
    parser->list.text_length += text.length;
    return span_of(room, text.length);
}

/* The text of a string; where it stands in the body if it can be had there. */
static bool text_of(struct command_parser *parser, enum command_field field,
                    const struct json_value *value, struct span *ret_text)
{
    size_t length;

    if (value->kind != JSON_STRING)
        return fail(parser, field, value, "is not a string");
    if (!value->has_escapes) {
        *ret_text = json_string_inside(value);
        return true;
    }
    char *room = text_room(parser);
    if (json_unescape(value, room, &length) < 0)
        return fail(parser, field, value, "holds half a surrogate pair");
    parser->list.text_length += length;
    *ret_text = span_of(room, length);
    return true;
}

static bool integer_of(struct command_parser *parser, enum command_field field,
                       const struct json_value *value, int64_t *ret_integer)
{
    struct json_reader reader;

    json_reader_init(&reader, value->raw);
    int64_t integer = json_take_integer(&reader, INT32_MIN, INT32_MAX);
    if (json_finish(&reader) < 0)
        return fail(parser, field, value, reader.error);
    *ret_integer = integer;
    return true;
}

static bool set_connection(struct command_parser *parser, enum command_field field,
                           const struct json_value *value, struct command *command)
{
    if (!text_of(parser, field, value, &command->connection))
        return false;
    if (command->connection.length > RULES_CONNECTION_ID_BYTES_MAX)
        return fail_too_long(parser, field, value, RULES_CONNECTION_ID_BYTES_MAX, NULL);
    return true;
}

static bool set_channel(struct command_parser *parser, enum command_field field,
                        const struct json_value *value, struct command *command)
{
    if (!text_of(parser, field, value, &command->channel))
        return false;
    size_t limit = parser->limits->channel_name_bytes;
    if (command->channel.length > limit)
        return fail_too_long(parser, field, value, limit, RULES_CHANNEL_SETTING);
    const char *reason = rules_check_channel(command->channel, limit);
    return reason ? fail(parser, field, value, reason) : true;
}

/* Replaces a text by the bytes that it encodes. One that was just unescaped is the last in the
 * list's memory, and is decoded in place. */
static bool decode_data(struct command_parser *parser, bool is_last_text, struct span *data)
{
    size_t length;

    if (is_last_text)
        parser->list.text_length -= data->length;
    char *room = text_room(parser);
    if (base64_decode(*data, room, &length) < 0)
        return false;
    parser->list.text_length += length;
    *data = span_of(room, length);
    return true;
}

static bool set_data(struct command_parser *parser, enum command_field field,
                     const struct json_value *value, struct command *command)
{
    bool is_binary = command->type == COMMAND_BINARY || command->type == COMMAND_PUBLISH_BINARY;

    if (!text_of(parser, field, value, &command->data))
        return false;
    if (is_binary && !decode_data(parser, value->has_escapes, &command->data))
        return fail(parser, field, value, "is not base64");
    if (command->data.length > parser->limits->data_bytes)
        return fail_too_long(parser, field, value, parser->limits->data_bytes, "PUBLISH_LIMIT");
    return true;
}

static bool set_metadata(struct command_parser *parser, enum command_field field,
                         const struct json_value *value, struct command *command)
{
    command->metadata = value->raw;
    if (value->raw.length > parser->limits->metadata_bytes)
        return fail_too_long(parser, field, value, parser->limits->metadata_bytes,
                             "METADATA_LIMIT");
    return true;
}

static bool set_code(struct command_parser *parser, enum command_field field,
                     const struct json_value *value, struct command *command)
{
    int64_t code;

    if (!integer_of(parser, field, value, &code))
        return false;
    const char *reason = rules_check_close_code(code);
    command->code = (uint16_t)code;
    return reason ? fail(parser, field, value, reason) : true;
}

static bool set_reason(struct command_parser *parser, enum command_field field,
                       const struct json_value *value, struct command *command)
{
    if (!text_of(parser, field, value, &command->reason))
        return false;
    if (command->reason.length > RULES_REASON_BYTES_MAX)
        return fail_too_long(parser, field, value, RULES_REASON_BYTES_MAX, NULL);
    const char *reason = rules_check_reason(command->reason);
    return reason ? fail(parser, field, value, reason) : true;
}

static bool set_status(struct command_parser *parser, enum command_field field,
                       const struct json_value *value, struct command *command)
{
    int64_t status;

    if (!integer_of(parser, field, value, &status))
        return false;
    const char *reason = rules_check_status(status);
    command->status = (uint16_t)status;
    return reason ? fail(parser, field, value, reason) : true;
}

static bool set_subprotocol(struct command_parser *parser, enum command_field field,
                            const struct json_value *value, struct command *command)
{
    if (!text_of(parser, field, value, &command->subprotocol))
        return false;
    if (command->subprotocol.length > RULES_SUBPROTOCOL_BYTES_MAX)
        return fail_too_long(parser, field, value, RULES_SUBPROTOCOL_BYTES_MAX, NULL);
    const char *reason = rules_check_subprotocol(command->subprotocol);
    return reason ? fail(parser, field, value, reason) : true;
}

static bool set_body(struct command_parser *parser, enum command_field field,
                     const struct json_value *value, struct command *command)
{
    if (!text_of(parser, field, value, &command->body))
        return false;
    if (command->body.length > RULES_REFUSAL_BODY_BYTES_MAX)
        return fail_too_long(parser, field, value, RULES_REFUSAL_BODY_BYTES_MAX, NULL);
    return true;
}

/* Shortens a wait that is too long: "at most that long" holds all the same. */
static bool set_timeout(struct command_parser *parser, enum command_field field,
                        const struct json_value *value, struct command *command)
{
    struct json_reader reader;

    json_reader_init(&reader, value->raw);
    double timeout_ms = json_take_number(&reader, 0, 1e300);
    if (json_finish(&reader) < 0)
        return fail(parser, field, value, reader.error);
    if (timeout_ms < (double)parser->limits->poll_limit_ms)
        command->timeout_ms = (int64_t)timeout_ms;
    return true;
}

/* One header, whose value comes next in the reader; its cost in bytes, or 0 when it failed. */
static size_t add_header(struct command_parser *parser, struct json_reader *reader,
                         struct span name, struct command *command)
{
    struct command_list *list = &parser->list;
    struct json_value string = json_take_string(reader);
    struct span value;

    if (reader->error || !text_of(parser, COMMAND_FIELD_HEADERS, &string, &value))
        return 0;
    value = span_trim(value);
    const char *reason = command->header_count == RULES_HEADERS_MAX
                             ? "holds too many headers"
                             : rules_check_header_value(value);
    if (reason) {
        json_fail(reader, reason);
        return 0;
    }
    if (list->header_count == list->header_capacity) {
        list->header_capacity = max_size(list->header_capacity * 2, FIRST_HEADER_CAPACITY);
        list->headers = xrealloc(list->headers, list->header_capacity * sizeof list->headers[0]);
    }
    list->headers[list->header_count++] = (struct command_header){name, value};
    command->header_count++;
    return name.length + value.length + HEADER_LINE_OVERHEAD;
}

/* The value of one name: a string, or an array of strings. */
static size_t add_headers(struct command_parser *parser, struct json_reader *reader,
                          struct span name, struct command *command)
{
    size_t bytes = 0;

    if (json_peek(reader) != JSON_ARRAY)
        return add_header(parser, reader, name, command);
    json_enter_array(reader);
    while (json_next_element(reader))
        bytes += add_header(parser, reader, name, command);
    return bytes;
}

static bool set_headers(struct command_parser *parser, enum command_field field,
                        const struct json_value *value, struct command *command)
{
    struct json_reader reader;
    struct span name;
    size_t bytes = 0;

    json_reader_init(&reader, value->raw);
    json_enter_object(&reader);
    while (json_next_key(&reader, &name)) {
        const char *reason = rules_check_header_name(name);
        if (reason) {
            json_fail(&reader, reason);
            break;
        }
        if (name.data == reader.key_text)
            name = keep_text(parser, name);
        bytes += add_headers(parser, &reader, name, command);
        if (bytes > RULES_HEADERS_BYTES_MAX)
            json_fail(&reader, "is too long");
    }
    if (json_finish(&reader) < 0)
        command_parser_fail(parser, command_field_name(field),
                            value->raw.data + reader.error_position, reader.error);
    return !parser->error.reason;
}

typedef bool set_field(struct command_parser *parser, enum command_field field,
                       const struct json_value *value, struct command *command);

static set_field *const setters[COMMAND_FIELD_COUNT] = {
    [COMMAND_FIELD_CONNECTION] = set_connection,
    [COMMAND_FIELD_CHANNEL] = set_channel,
    [COMMAND_FIELD_CHANNEL_ID] = set_channel,
    [COMMAND_FIELD_DATA] = set_data,
    [COMMAND_FIELD_METADATA] = set_metadata,
    [COMMAND_FIELD_CODE] = set_code,
    [COMMAND_FIELD_REASON] = set_reason,
    [COMMAND_FIELD_STATUS] = set_status,
    [COMMAND_FIELD_SUBPROTOCOL] = set_subprotocol,
    [COMMAND_FIELD_HEADERS] = set_headers,
    [COMMAND_FIELD_BODY] = set_body,
    [COMMAND_FIELD_TIMEOUT] = set_timeout,
};

static void set_defaults(struct command *command, unsigned fields, int64_t poll_limit_ms)
{
    if (fields & COMMAND_HAS_CODE)
        command->code = RULES_CLOSE_CODE_DEFAULT;
    if (fields & COMMAND_HAS_STATUS)
        command->status = RULES_REFUSAL_STATUS_DEFAULT;
    if (fields & COMMAND_HAS_TIMEOUT)
        command->timeout_ms = poll_limit_ms;
}

bool command_fields_apply(struct command_parser *parser, const struct command_fields *fields,
                          unsigned given, const char *at, struct command *command)
{
    unsigned required = command_type_required(command->type) & ~given;
    unsigned optional = command_type_optional(command->type) & ~given;
    unsigned left = (required | optional) & (fields->present | required);

    set_defaults(command, command_type_optional(command->type), parser->limits->poll_limit_ms);
    for (; left; left &= left - 1) {
        enum command_field field = (enum command_field)__builtin_ctz(left);
        const struct json_value *value = &fields->values[field];
        if (!(fields->present & 1u << field)) {
            command_parser_fail(parser, command_field_name(field), at, "is missing");
            return false;
        }
        /* Languages write an optional value that is not there as null. */
        if (value->kind == JSON_NULL && !(required & 1u << field))
            continue;
        if (!setters[field](parser, field, value, command))
            return false;
    }
    return true;
}
