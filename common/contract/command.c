#include "common/contract/command.h"

#include <errno.h>
#include <stdlib.h>

#include "common/contract/command_fields.h"

enum { FIRST_CAPACITY = 8, TYPE_NAME_LENGTH_MAX = 64 };

/* The words of the table's columns. */
enum {
    ANSWER = COMMAND_IN_ANSWER,
    CONTROL = COMMAND_IN_CONTROL,
    NOTHING = COMMAND_HAS_NOTHING,
#define COMMAND_FIELD(id, name) id = COMMAND_HAS_##id,
#include "common/contract/commands.def"
#undef COMMAND_FIELD
};

static const struct {
    const char *name;
    size_t name_length;
    unsigned where;
    unsigned required;
    unsigned optional;
} types[COMMAND_TYPE_COUNT] = {
#define COMMAND(type, where, required, optional) \
    [COMMAND_##type] = {#type, sizeof(#type) - 1, where, required, optional},
#include "common/contract/commands.def"
#undef COMMAND
};

const char *command_type_name(enum command_type type)
{
    return types[type].name;
}

unsigned command_type_required(enum command_type type)
{
    return types[type].required;
}

unsigned command_type_optional(enum command_type type)
{
    return types[type].optional;
}

void command_list_fini(struct command_list *list)
{
    free(list->commands);
    free(list->headers);
    free(list->text);
    *list = (struct command_list){0};
}

static struct command *add_command(struct command_list *list)
{
    if (list->count == list->capacity) {
        list->capacity = max_size(list->capacity * 2, FIRST_CAPACITY);
        list->commands = xrealloc(list->commands, list->capacity * sizeof list->commands[0]);
    }
    list->commands[list->count] = (struct command){0};
    return &list->commands[list->count++];
}

/* The text of `type`, with escapes resolved in a name that could be one of ours. */
static bool type_of(struct command_parser *parser, const struct json_value *value,
                    enum command_type *ret_type)
{
    char text[TYPE_NAME_LENGTH_MAX];
    struct span name;

    if (value->kind != JSON_STRING) {
        command_parser_fail(parser, "type", value->raw.data, "is not a string");
        return false;
    }
    name = json_string_inside(value);
    if (value->has_escapes && value->raw.length <= sizeof text &&
        json_unescape(value, text, &name.length) == 0)
        name.data = text;
    for (unsigned type = 0; type < COMMAND_TYPE_COUNT; type++) {
        if (types[type].name_length != name.length ||
            memcmp(types[type].name, name.data, name.length) != 0)
            continue;
        if (!(types[type].where & parser->context)) {
            command_parser_fail(parser, "type", value->raw.data, "is not allowed here");
            return false;
        }
        *ret_type = (enum command_type)type;
        return true;
    }
    command_parser_fail(parser, "type", value->raw.data, "is unknown");
    return false;
}

/* Takes the members of an object as they come. A name that is given twice is refused: which of the
 * two was meant is not ours to guess. */
static void take_fields(struct command_parser *parser, struct command_fields *fields,
                        struct json_value *type)
{
    struct json_reader *reader = &parser->reader;
    struct span key;

    fields->present = 0;
    type->kind = JSON_NONE;
    json_enter_object(reader);
    while (json_next_key(reader, &key)) {
        enum command_field field = command_field_find(key);
        bool is_type = field == COMMAND_FIELD_COUNT && span_is(key, "type");
        if (is_type ? type->kind != JSON_NONE
                    : field != COMMAND_FIELD_COUNT && fields->present & 1u << field) {
            command_parser_fail(parser, is_type ? "type" : command_field_name(field), reader->at,
                                "is given twice");
            json_fail(reader, "has equal keys");
        } else if (is_type) {
            *type = json_take_value(reader);
        } else if (field == COMMAND_FIELD_COUNT) {
            json_skip(reader);
        } else {
            fields->values[field] = json_take_value(reader);
            fields->present |= 1u << field;
        }
    }
}

static void take_command(struct command_parser *parser)
{
    struct command_fields fields;
    struct json_value type;
    const char *at;

    json_peek(&parser->reader);
    at = parser->reader.at;
    take_fields(parser, &fields, &type);
    if (parser->reader.error)
        return;
    if (type.kind == JSON_NONE) {
        command_parser_fail(parser, "type", at, "is missing");
        return;
    }
    struct command *command = add_command(&parser->list);
    if (type_of(parser, &type, &command->type))
        (void)!command_fields_apply(parser, &fields, 0, at, command);
}

static void take_events(struct command_parser *parser)
{
    struct json_reader *reader = &parser->reader;

    json_enter_array(reader);
    while (!parser->error.reason && json_next_element(reader)) {
        parser->index = parser->list.count;
        if (parser->list.count == parser->limits->commands)
            json_fail(reader, "is one too many");
        else
            take_command(parser);
    }
    if (!reader->error && !parser->error.reason)
        parser->index = CONTRACT_ERROR_NO_INDEX;
}

static void take_body(struct command_parser *parser)
{
    struct json_reader *reader = &parser->reader;
    bool has_events = false;
    struct span key;

    json_enter_object(reader);
    while (!parser->error.reason && json_next_key(reader, &key)) {
        if (!span_is(key, "events")) {
            json_skip(reader);
        } else if (has_events) {
            json_fail(reader, "has two lists of events");
        } else {
            has_events = true;
            take_events(parser);
        }
    }
    if (!reader->error && !parser->error.reason && !has_events)
        command_parser_fail(parser, "events", reader->at, "is missing");
}

/* The headers have found their last place in memory: each command gets its part. */
static void settle_headers(struct command_list *list)
{
    size_t first = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct command *command = &list->commands[i];
        if (command->header_count == 0)
            continue;
        command->headers = list->headers + first;
        first += command->header_count;
    }
}

static void begin(struct command_parser *parser, struct span body, enum command_context context,
                  const struct command_limits *limits)
{
    *parser = (struct command_parser){
        .body = body,
        .context = context,
        .limits = limits,
        .index = CONTRACT_ERROR_NO_INDEX,
    };
    json_reader_init(&parser->reader, body);
}

/* Hands the result over, or cleans up. An error of the grammar counts only when there is no error
 * that says more. */
static int finish(struct command_parser *parser, struct command_list *ret_list,
                  struct contract_error *ret_error)
{
    if (!parser->error.reason && json_finish(&parser->reader) < 0)
        command_parser_fail(parser, NULL, parser->body.data + parser->reader.error_position,
                            parser->reader.error);
    if (parser->error.reason) {
        command_list_fini(&parser->list);
        *ret_error = parser->error;
        return -EINVAL;
    }
    settle_headers(&parser->list);
    *ret_list = parser->list;
    return 0;
}

int command_list_parse(struct span body, enum command_context context,
                       const struct command_limits *limits, struct command_list *ret_list,
                       struct contract_error *ret_error)
{
    struct command_parser parser;

    begin(&parser, body.data ? body : span_of("", 0), context, limits);
    take_body(&parser);
    return finish(&parser, ret_list, ret_error);
}

int command_list_parse_one(struct span body, enum command_type type, unsigned given,
                           const struct command_limits *limits, struct command_list *ret_list,
                           struct contract_error *ret_error)
{
    struct command_parser parser;
    struct command_fields fields;
    struct json_value ignored;

    begin(&parser, body.length > 0 ? body : span_text("{}"), COMMAND_IN_CONTROL, limits);
    take_fields(&parser, &fields, &ignored);
    struct command *command = add_command(&parser.list);
    command->type = type;
    if (!parser.reader.error)
        (void)!command_fields_apply(&parser, &fields, given, parser.body.data, command);
    return finish(&parser, ret_list, ret_error);
}
