#include "webhook-worker/answer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/siphash.h"
#include "common/contract/answer.h"
#include "common/contract/event.h"

enum { GROUP_ORIGIN_LENGTH = 33 };

static_assert(COMMAND_TYPE_COUNT <= 32, "command_body.type is bounded by 32");

static struct record_command_body body_of(const struct command *command, size_t index)
{
    struct record_command_body body = {
        .type = command->type,
        .target = command->connection,
        .index = index,
        .code = command->code,
        /* A status marks the answer to OPEN; another CLOSE must not refuse a handshake. */
        .status = command->refuses ? command->status : 0,
        .body = command->body,
        .subprotocol = command->subprotocol,
        .data = command->data,
    };
    unsigned fields = command_type_required(command->type) | command_type_optional(command->type);
    if (fields & COMMAND_HAS_CHANNEL_ID)
        body.target = command->channel;
    if (fields & COMMAND_HAS_CHANNEL)
        body.channel = command->channel;
    if (fields & COMMAND_HAS_METADATA)
        body.data = command->metadata;
    if (fields & COMMAND_HAS_REASON)
        body.data = command->reason;
    return body;
}

/* What an edge knows repeated commands by. Of a group it names every batch in it: the same group
 * again is the same origin, but another group that begins alike has other commands. */
static struct span origin_of(const struct job *job, char group[GROUP_ORIGIN_LENGTH + 1])
{
    if (job->origin.length > 0)
        return job->origin;
    if (job->item_count == 1)
        return job->items[0].connection;
    uint64_t hash[2] = {0, 1};
    for (size_t i = 0; i < job->item_count; i++) {
        struct event_key key =
            event_key_of(job->items[i].connection, job->items[i].first, job->items[i].last);
        for (size_t half = 0; half < ARRAY_LENGTH(hash); half++)
            hash[half] = siphash13(event_key_span(&key), hash[half], half);
    }
    snprintf(group, GROUP_ORIGIN_LENGTH + 1, "g%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
    return span_of(group, GROUP_ORIGIN_LENGTH);
}

static void encode_commands(struct job *job, const struct command_list *list)
{
    if (list->count == 0)
        return;
    struct record_command_body *bodies = xcalloc(list->count, sizeof(*bodies));
    struct record_header *headers = xcalloc(list->header_count, sizeof(*headers));
    size_t used = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct command *command = &list->commands[i];
        bodies[i] = body_of(command, i);
        bodies[i].headers.items = headers + used;
        bodies[i].headers.count = command->header_count;
        ASSERT(command->header_count <= list->header_count - used);
        for (size_t h = 0; h < command->header_count; h++)
            headers[used++] = (struct record_header){.name = command->headers[h].name,
                                                     .value = command->headers[h].value};
    }
    char group[GROUP_ORIGIN_LENGTH + 1];
    struct message_commands message = {
        .reference = job->reference,
        .origin = origin_of(job, group),
        .origin_first = job->items[0].first,
        .commands = {.items = bodies, .count = list->count},
    };
    wire_put_commands(&job->commands, &message);
    free(headers);
    free(bodies);
}

static enum open_verdict verdict_of(enum answer_outcome outcome)
{
    static const enum open_verdict verdicts[] = {
        [ANSWER_NOTHING] = OPEN_VERDICT_NONE,
        [ANSWER_ACCEPTED] = OPEN_VERDICT_ACCEPTED,
        [ANSWER_REFUSED] = OPEN_VERDICT_REFUSED,
    };
    return verdicts[outcome];
}

static void encode_done(struct job *job, unsigned status,
                        const struct answer_connection *connections)
{
    struct record_done_item *items = xcalloc(job->item_count, sizeof(*items));
    for (size_t i = 0; i < job->item_count; i++)
        items[i] = (struct record_done_item){
            .connection = job->items[i].connection,
            .first = job->items[i].first,
            .verdict = verdict_of(connections[i].outcome),
            .metadata_set = connections[i].has_metadata,
            .metadata = connections[i].metadata,
        };
    struct message_done message = {
        .job = job->number,
        .outcome = JOB_DELIVERED,
        .status = status,
        .items = {.items = items, .count = job->item_count},
    };
    wire_put_done(&job->done, &message);
    free(items);
}

/* The commonest reason why an answer is not text: some servers compress without being asked. */
static bool is_gzip(struct span body)
{
    return span_starts_with(body, span_text("\x1f\x8b"));
}

static int parse(struct span body, const struct command_limits *limits, struct command_list *list,
                 struct contract_error *ret_error)
{
    int rc = command_list_parse(body, COMMAND_IN_ANSWER, limits, list, ret_error);
    if (rc < 0 && is_gzip(body))
        ret_error->reason = "is compressed, which was not asked for";
    return rc;
}

int answer_encode(struct job *job, struct span body, unsigned status,
                  const struct command_limits *limits, struct contract_error *ret_error)
{
    struct command_list list = {0};
    struct answer_connection *connections = xcalloc(job->item_count, sizeof(*connections));
    for (size_t i = 0; i < job->item_count; i++) {
        connections[i].id = job->items[i].connection;
        connections[i].is_opening = job->items[i].is_opening;
    }
    int rc = 0;
    if (body.length > 0)
        rc = parse(body, limits, &list, ret_error);
    if (rc == 0)
        rc = answer_split(&list, connections, job->item_count, ret_error);
    if (rc == 0) {
        encode_commands(job, &list);
        encode_done(job, status, connections);
    }
    command_list_fini(&list);
    free(connections);
    return rc;
}
