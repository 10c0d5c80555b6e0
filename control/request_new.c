#include "common/base/clock.h"
#include "control/request.h"

static struct request *new_request(struct request_set *set, size_t count, size_t header_count)
{
    struct request *request = xmalloc(sizeof *request);

    request_init(request, set);
    request->commands = xcalloc(count + 1, sizeof *request->commands);
    request->headers = xcalloc(header_count + 1, sizeof *request->headers);
    request->parcel.commands = request->commands;
    request->parcel.count = count;
    request->parcel.taken_in_us = (uint64_t)clock_realtime_us();
    request->bytes = sizeof *request + (count + 1) * sizeof *request->commands +
                     (header_count + 1) * sizeof *request->headers;
    return request;
}

static void set_origin(struct request *request, struct span origin, uint64_t first)
{
    ASSERT(origin.length <= sizeof request->origin);
    if (origin.length > 0)
        memcpy(request->origin, origin.data, origin.length);
    request->parcel.origin = span_of(request->origin, origin.length);
    request->parcel.origin_first = first;
}

/* ---- from REST ---- */

static struct record_command_body body_of(const struct command *command, size_t index)
{
    struct record_command_body body = {
        .type = command->type,
        .target = command->connection,
        .data = command->data,
        .code = command->code,
        .timeout_ms = (uint64_t)command->timeout_ms,
        .index = index,
    };
    if (request_is_for_channel(&body))
        body.target = command->channel;
    else
        body.channel = command->channel;
    /* Only the answer to OPEN refuses a handshake (common/contract/answer.h); a status would. */
    ASSERT(!command->refuses);
    if (command->type == COMMAND_SET_METADATA)
        body.data = command->metadata;
    if (command->type == COMMAND_CLOSE || command->type == COMMAND_CLOSE_CHANNEL)
        body.data = command->reason;
    return body;
}

struct request *request_new_rest(struct request_set *set, struct command_list *list, char **body,
                                 size_t body_bytes, struct span origin)
{
    struct request *request = new_request(set, list->count, 0);

    request->is_rest = true;
    for (size_t i = 0; i < list->count; i++)
        request->commands[i] = body_of(&list->commands[i], i);
    request->list = *list;
    request->memory = *body;
    *list = (struct command_list){.count = 0};
    *body = NULL;
    request->bytes += body_bytes + request->list.text_length +
                      request->list.capacity * sizeof *request->list.commands;
    set->rest_bytes += request->bytes;
    set_origin(request, origin, 0);
    return request;
}

/* ---- from a worker ---- */

/* Copies the bytes to the end of the request's memory, which is large enough. */
static struct span keep(char **end, struct span bytes)
{
    struct span kept = span_of(*end, bytes.length);

    if (bytes.length > 0)
        memcpy(*end, bytes.data, bytes.length);
    *end += bytes.length;
    return kept;
}

static size_t command_bytes(const struct record_command_body *command)
{
    size_t bytes = command->target.length + command->data.length + command->channel.length +
                   command->body.length + command->subprotocol.length;
    for (size_t i = 0; i < command->headers.count; i++)
        bytes += command->headers.items[i].name.length + command->headers.items[i].value.length;
    return bytes;
}

static void copy_command(struct record_command_body *copy,
                         const struct record_command_body *command, struct record_header **headers,
                         char **end)
{
    *copy = *command;
    copy->target = keep(end, command->target);
    copy->data = keep(end, command->data);
    copy->channel = keep(end, command->channel);
    copy->body = keep(end, command->body);
    copy->subprotocol = keep(end, command->subprotocol);
    copy->headers.items = *headers;
    for (size_t i = 0; i < command->headers.count; i++) {
        const struct record_header *header = &command->headers.items[i];
        *(*headers)++ = (struct record_header){.name = keep(end, header->name),
                                               .value = keep(end, header->value)};
    }
}

struct request *request_new_commands(struct request_set *set,
                                     const struct message_commands *message)
{
    const struct record_command_body *commands = message->commands.items;
    size_t bytes = 0, header_count = 0;

    for (size_t i = 0; i < message->commands.count; i++) {
        bytes += command_bytes(&commands[i]);
        header_count += commands[i].headers.count;
    }
    struct request *request = new_request(set, message->commands.count, header_count);
    struct record_header *headers = request->headers;
    char *end = request->memory = xmalloc(bytes + 1);
    for (size_t i = 0; i < message->commands.count; i++)
        copy_command(&request->commands[i], &commands[i], &headers, &end);
    request->bytes += bytes;
    set_origin(request, message->origin, message->origin_first);
    return request;
}
