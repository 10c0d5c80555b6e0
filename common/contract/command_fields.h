/* The fields of one command, between the text and the structure: they may stand before the type
 * that says what they mean, so they are taken as they come and understood after.
 *
 * Private to the parser of commands (command.c); lives for one command_list_parse().
 */
#ifndef SLIP_CONTRACT_COMMAND_FIELDS_H
#define SLIP_CONTRACT_COMMAND_FIELDS_H

#include "common/contract/command.h"
#include "common/text/json.h"

struct command_fields {
    unsigned present; /* set of enum command_field_set */
    struct json_value values[COMMAND_FIELD_COUNT];
};

struct command_parser {
    struct span body;
    struct json_reader reader;
    enum command_context context;
    const struct command_limits *limits;
    struct command_list list;
    struct contract_error error; /* the first; reason is NULL while all is well */
    size_t index;                /* of the command being read */
};

/* Notes an error of a field (or, with NULL, of the command or body) at a place in the body. */
void command_parser_fail(struct command_parser *parser, const char *field, const char *at,
                         const char *reason);

/* The field with this name, or COMMAND_FIELD_COUNT. */
enum command_field command_field_find(struct span name);

const char *command_field_name(enum command_field field);

/* Fills `command`, whose type is set, from its fields, less those `given` otherwise. `at` is where
 * the command stands. false: the parser has failed. */
MUST_USE
bool command_fields_apply(struct command_parser *parser, const struct command_fields *fields,
                          unsigned given, const char *at, struct command *command);

#endif
