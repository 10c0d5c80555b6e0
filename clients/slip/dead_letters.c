/* slip dead-letters. */
#include <stdio.h>
#include <stdlib.h>

#include "clients/slip/tool.h"

static const struct field letter_fields[] = {
    {{"ID", true, false}, "id"},
    {{"STATE", false, false}, "state"},
    {{"CONNECTION", false, false}, "connectionId"},
    {{"KIND", false, false}, "kind"},
    {{"EVENTS", true, false}, "eventCount"},
    {{"TRIES", true, false}, "attempts"},
    {{"STATUS", true, false}, "lastStatus"},
    {{"CREATED", false, false}, "createdAt"},
    {{"ERROR", false, true}, "lastError"},
};

static void append_letter(struct buffer *text, struct span document)
{
    static const char *const lines[][2] = {
        {"id", "id"},
        {"state", "state"},
        {"key", "idempotencyKey"},
        {"connection", "connectionId"},
        {"kind", "kind"},
        {"events", "eventCount"},
        {"tries", "attempts"},
        {"status", "lastStatus"},
        {"error", "lastError"},
        {"created", "createdAt"},
        {"requested", "replayRequestedAt"},
        {"failed", "replayFailedAt"},
        {"replayed", "replayedAt"},
    };
    struct document_items events;
    struct span json = span_text("null");

    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
        append_line(text, lines[i][0], document, lines[i][1]);
    (void)!document_find(document, "metadata", &json);
    buffer_append_text(text, "metadata     ");
    append_json(text, json);
    document_items_init(&events, document, "events");
    while (document_items_next(&events, &json)) {
        buffer_append_text(text, "event        ");
        append_json(text, json);
    }
}

static int list_letters(struct tool *tool)
{
    struct buffer query = {0};

    query_append(&query, "state", tool->options.values[OPTION_STATE]);
    query_append(&query, "connection", tool->options.values[OPTION_CONNECTION]);
    int code = list_resource(tool, "/v1/dead-letters", buffer_span(&query), letter_fields,
                             ARRAY_LENGTH(letter_fields));
    buffer_fini(&query);
    return code;
}

static int change_letter(struct tool *tool, bool is_replay, const char *id)
{
    char *path =
        slip_path_new(is_replay ? "/v1/dead-letters/{}/replay" : "/v1/dead-letters/{}", &id, 1);
    struct slip_error error;
    char *body = NULL;
    size_t length = 0;
    int code = EXIT_DONE;

    if (slip_publisher_call(tool->publisher, is_replay ? "POST" : "DELETE", path, NULL, &body,
                            &length, &error) == SLIP_OK) {
        if (tool->is_json && is_replay)
            code = print_line(span_of(body, length));
        else if (!tool->is_json)
            printf("%s %s\n", id, is_replay ? "is going to be replayed" : "is discarded");
    } else {
        code = tool_fail_result(tool, &error);
    }
    free(body);
    free(path);
    return code;
}

/* Ids of all in that state, at this moment. */
static int letters_in(struct tool *tool, const char *state, struct buffer *ids)
{
    struct buffer query = {0}, cursor = {0};
    int code = EXIT_DONE;

    do {
        buffer_append_text(&query, "/v1/dead-letters?limit=1000");
        query_append(&query, "state", state);
        query_append(&query, "connection", tool->options.values[OPTION_CONNECTION]);
        if (cursor.length > 0) {
            char *text = span_dup(buffer_span(&cursor));
            query_append(&query, "cursor", text);
            free(text);
        }
        char *path = buffer_take(&query);
        struct document_items items;
        struct span item;
        char *body = NULL;
        size_t length = 0;
        code = tool_call(tool, "GET", path, NULL, &body, &length);
        buffer_clear(&cursor);
        document_items_init(&items, span_of(body, length), "items");
        while (document_items_next(&items, &item)) {
            document_append_text(item, "id", ids);
            buffer_append_byte(ids, '\n');
        }
        document_append_text(span_of(body, length), "next", &cursor);
        free(body);
        free(path);
    } while (code == EXIT_DONE && cursor.length > 0);
    buffer_fini(&cursor);
    return code;
}

/* The oldest first, as they came; what fails does not hold up the others, and is the code in the
 * end. */
static int change_all(struct tool *tool, bool is_replay)
{
    struct buffer ids = {0};
    const char *state = tool->options.values[OPTION_STATE];
    int code = letters_in(tool, state ? state : "waiting", &ids), done = EXIT_DONE;

    for (size_t end = code == EXIT_DONE ? ids.length : 0;
         end > 0 && done != EXIT_DENIED && done != EXIT_AWAY;) {
        size_t start = end - 1;
        while (start > 0 && ids.data[start - 1] != '\n')
            start--;
        char *id = span_dup(span_of(ids.data + start, end - 1 - start));
        done = change_letter(tool, is_replay, id);
        code = code == EXIT_DONE ? done : code;
        free(id);
        end = start;
    }
    buffer_fini(&ids);
    return code;
}

static int change_letters(struct tool *tool, bool is_replay)
{
    const struct options *options = &tool->options;
    int code = EXIT_DONE;

    if (is_replay && options->values[OPTION_STATE])
        return tool_fail(EXIT_USAGE, "slip dead-letters replay: only what waits can be replayed");
    if (options->values[OPTION_ALL] && options->argument_count == 1)
        return change_all(tool, is_replay);
    if (options->argument_count < 2 || options->values[OPTION_ALL])
        return tool_fail(EXIT_USAGE, "usage: slip dead-letters %s ID… | --all",
                         is_replay ? "replay" : "discard");
    for (size_t i = 1; i < options->argument_count; i++) {
        int failed = change_letter(tool, is_replay, options->arguments[i]);
        code = code == EXIT_DONE ? failed : code;
    }
    return code;
}

int run_dead_letters(struct tool *tool)
{
    const struct options *options = &tool->options;
    const char *verb = options->argument_count > 0 ? options->arguments[0] : "list";

    if (strcmp(verb, "list") == 0 && options->argument_count <= 1)
        return list_letters(tool);
    if (strcmp(verb, "show") == 0 && options->argument_count == 2)
        return print_one(tool, "/v1/dead-letters/{}", options->arguments[1], append_letter);
    if (strcmp(verb, "replay") == 0)
        return change_letters(tool, true);
    if (strcmp(verb, "discard") == 0)
        return change_letters(tool, false);
    return tool_fail(EXIT_USAGE, "usage: slip dead-letters %s",
                     command_specs[COMMAND_DEAD_LETTERS].arguments);
}
