#include "common/contract/answer.h"

#include <errno.h>
#include <stdlib.h>

/* The connections that the request was about, found by id. Nearly always there is one. */
struct own_connections {
    struct answer_connection *connections;
    size_t count;
    size_t opening_count;
    struct table by_id; /* used when there are several */
};

static void own_init(struct own_connections *own, struct answer_connection *connections,
                     size_t count)
{
    *own = (struct own_connections){.connections = connections, .count = count};
    table_init(&own->by_id);
    for (size_t i = 0; i < count; i++) {
        struct answer_connection *connection = &connections[i];
        connection->outcome = ANSWER_NOTHING;
        connection->decision = NULL;
        connection->has_metadata = connection->is_closed = false;
        connection->metadata = span_of(NULL, 0);
        connection->decision_index = SIZE_MAX;
        own->opening_count += connection->is_opening;
        if (count > 1)
            table_insert(&own->by_id, &connection->link, connection->id);
    }
}

/* Whom a command names, if it is one of ours. */
static struct answer_connection *own_find(const struct own_connections *own,
                                          const struct command *command)
{
    struct table_link *link;

    if (!(command_type_required(command->type) & COMMAND_HAS_CONNECTION))
        return NULL;
    if (own->count == 1)
        return span_equal(own->connections[0].id, command->connection) ? own->connections : NULL;
    link = table_find(&own->by_id, command->connection);
    return link ? TABLE_ENTRY(link, struct answer_connection, link) : NULL;
}

/* The first ACCEPT or CLOSE of each opening connection decides. */
static int decide(const struct own_connections *own, const struct command_list *list,
                  struct contract_error *ret_error)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct command *command = &list->commands[i];
        if (command->type != COMMAND_ACCEPT && command->type != COMMAND_CLOSE)
            continue;
        struct answer_connection *connection = own_find(own, command);
        if (!connection || !connection->is_opening) {
            if (command->type == COMMAND_CLOSE)
                continue;
            *ret_error = (struct contract_error){
                .index = i,
                .field = "connectionId",
                .reason = "has no OPEN in this request",
                .position = CONTRACT_ERROR_NO_POSITION,
            };
            return -EINVAL;
        }
        if (connection->outcome != ANSWER_NOTHING)
            continue;
        connection->outcome = command->type == COMMAND_ACCEPT ? ANSWER_ACCEPTED : ANSWER_REFUSED;
        connection->decision_index = i;
    }
    return 0;
}

/* Puts a connection's decision at the end of `commands`. */
static void place_decision(struct answer_connection *connection, const struct command *decision,
                           struct command *commands, size_t *count)
{
    commands[*count] = *decision;
    commands[*count].refuses = connection->outcome == ANSWER_REFUSED;
    connection->decision = &commands[(*count)++];
}

/* Answers nothing about an OPEN: that refuses it. */
static void refuse_unanswered(const struct own_connections *own, struct command *commands,
                              size_t *count)
{
    for (size_t i = 0; i < own->count; i++) {
        struct answer_connection *connection = &own->connections[i];
        if (!connection->is_opening || connection->outcome != ANSWER_NOTHING)
            continue;
        struct command close = {
            .type = COMMAND_CLOSE,
            .connection = connection->id,
            .code = RULES_CLOSE_CODE_DEFAULT,
            .status = RULES_REFUSAL_STATUS_DEFAULT,
        };
        connection->outcome = ANSWER_REFUSED;
        place_decision(connection, &close, commands, count);
    }
}

/* Writes the list anew, in the order in which it is carried out. */
static void rearrange(const struct own_connections *own, struct command_list *list)
{
    size_t capacity = list->count + own->opening_count;
    struct command *commands = xcalloc(capacity, sizeof commands[0]);
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct command *command = &list->commands[i];
        struct answer_connection *connection = own_find(own, command);
        if (!connection || !connection->is_opening) {
            commands[count++] = *command;
            continue;
        }
        /* Commands before an ACCEPT wait for it, so it takes the place of the first of them. */
        if (connection->outcome == ANSWER_ACCEPTED && !connection->decision)
            place_decision(connection, &list->commands[connection->decision_index], commands,
                           &count);
        if (connection->outcome == ANSWER_REFUSED && i == connection->decision_index)
            place_decision(connection, command, commands, &count);
        else if (connection->outcome == ANSWER_ACCEPTED && command->type != COMMAND_ACCEPT)
            commands[count++] = *command;
    }
    refuse_unanswered(own, commands, &count);
    free(list->commands);
    list->commands = commands;
    list->count = count;
    list->capacity = capacity;
}

/* What the metadata of our own is after the list; a connection that it closed changes no more. */
static void note_metadata(const struct own_connections *own, const struct command_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct command *command = &list->commands[i];
        if (command->type != COMMAND_SET_METADATA && command->type != COMMAND_CLOSE)
            continue;
        struct answer_connection *connection = own_find(own, command);
        if (!connection || connection->is_closed)
            continue;
        if (command->type == COMMAND_CLOSE) {
            connection->is_closed = true;
        } else {
            connection->has_metadata = true;
            connection->metadata = command->metadata;
        }
    }
}

int answer_split(struct command_list *list, struct answer_connection *connections, size_t count,
                 struct contract_error *ret_error)
{
    struct own_connections own;
    int error;

    own_init(&own, connections, count);
    error = decide(&own, list, ret_error);
    if (error < 0)
        goto out;
    if (own.opening_count > 0)
        rearrange(&own, list);
    note_metadata(&own, list);
out:
    table_fini(&own.by_id);
    return error;
}
