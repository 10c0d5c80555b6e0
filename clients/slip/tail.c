/* slip tail: server-sent events (WHATWG HTML §9.2) of control, a line for each publish. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "clients/slip/tool.h"

/* Control says something every 15 s. */
enum { SILENCE_MS = 45000, EVENT_BYTES_MAX = 256 << 20 };

struct tail {
    struct tool *tool;
    struct buffer rest; /* the line that is not whole yet */
    char event[16];
    int64_t left;
    bool is_expired; /* the last line said so */
    int code;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

static void show_message(struct tail *tail, struct span json)
{
    struct buffer text = {0}, value = {0};

    if (tail->tool->is_json) {
        buffer_append_span(&text, json);
    } else {
        struct span binary;
        document_append_text(json, "publishedAt", &value);
        buffer_append_text(&text, tool_color(tail->tool, "dim"));
        text_append_safe(&text, buffer_span(&value));
        buffer_append_format(&text, "%s  ", tool_color(tail->tool, "plain"));
        buffer_clear(&value);
        document_append_text(json, "data", &value);
        if (document_find(json, "binary", &binary) && span_is(binary, "true"))
            buffer_append_text(&text, "(binary) ");
        text_append_safe(&text, buffer_span(&value));
    }
    buffer_append_byte(&text, '\n');
    tail->code = tool_print(&text);
    tail->left--;
    buffer_fini(&value);
    buffer_fini(&text);
}

static void take_line(struct tail *tail, struct span line)
{
    struct span data = span_text("data: "), event = span_text("event: ");

    if (line.length > 0)
        tail->is_expired = span_is(line, ": the token has expired");
    if (span_starts_with(line, event)) {
        snprintf(tail->event, sizeof tail->event, "%.*s", (int)(line.length - event.length),
                 line.data + event.length);
    } else if (span_starts_with(line, data)) {
        line = span_of(line.data + data.length, line.length - data.length);
        if (strcmp(tail->event, "message") == 0)
            show_message(tail, line);
        else if (strcmp(tail->event, "missed") == 0)
            fprintf(stderr, "slip: messages were missed here\n");
    }
}

static bool on_data(void *context, const char *data, size_t length)
{
    struct tail *tail = context;
    size_t start = 0;

    buffer_append(&tail->rest, data, length);
    for (size_t i = tail->rest.length - length; i < tail->rest.length; i++) {
        if (tail->rest.data[i] != '\n')
            continue;
        if (tail->left > 0 && tail->code == EXIT_DONE)
            take_line(tail, span_of(tail->rest.data + start, i - start));
        start = i + 1;
    }
    buffer_consume(&tail->rest, start);
    if (tail->rest.length > EVENT_BYTES_MAX)
        tail->code = tool_fail(EXIT_ODD, "the broker sends a line without an end");
    return !is_stopped && tail->left > 0 && tail->code == EXIT_DONE;
}

static enum slip_result follow(struct tail *tail, const char *path, struct slip_error *error)
{
    tail->is_expired = false;
    return slip_publisher_stream(tail->tool->publisher, path, SILENCE_MS, on_data, tail, error);
}

/* With another token, if there is a secret; else the broker says why not. */
static bool begins_anew(struct tail *tail)
{
    if (!tail->is_expired)
        return false;
    buffer_clear(&tail->rest);
    fprintf(stderr, "slip: messages were missed here\n");
    return true;
}

int run_tail(struct tool *tool)
{
    char *path = slip_path_new("/v1/channels/{}/messages", tool->options.arguments, 1);
    struct tail tail = {.tool = tool, .code = EXIT_DONE};
    struct sigaction action = {.sa_handler = on_signal};
    struct slip_error error;

    if (!options_number(&tool->options, OPTION_COUNT, 1, INT32_MAX, INT64_MAX, &tail.left)) {
        free(path);
        return tool_fail(EXIT_USAGE, "--count is not a number from 1");
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (follow(&tail, path, &error) != SLIP_STOPPED && tail.code == EXIT_DONE)
        if (!begins_anew(&tail))
            tail.code = tool_fail_result(tool, &error);
    buffer_fini(&tail.rest);
    free(path);
    return tail.code;
}
