/* slip status, connections, connection, channels, channel, metadata. */
#include <inttypes.h>
#include <stdlib.h>

#include "clients/slip/tool.h"

static const struct field edge_fields[] = {
    {{"EDGE", false, false}, "edge"},
    {{"STATE", false, false}, "state"},
    {{"CONNECTIONS", true, false}, "connections"},
    {{"ADDRESS", false, true}, "address"},
    {{"STARTED", false, false}, "startedAt"},
};

static const struct field connection_fields[] = {
    {{"CONNECTION", false, false}, "connectionId"},
    {{"STATE", false, false}, "state"},
    {{"ADDRESS", false, true}, "ip"},
    {{"PATH", false, true}, "path"},
    {{"OPENED", false, false}, "openedAt"},
    {{"CHANNELS", false, true}, "channels"},
};

static const struct field channel_fields[] = {
    {{"CHANNEL", false, true}, "channel"},
    {{"MEMBERS", true, false}, "members"},
};

static const struct field member_fields[] = {
    {{"CONNECTION", false, false}, "connectionId"},
    {{"SINCE", false, false}, "since"},
};

int print_line(struct span json)
{
    struct buffer text = {0};

    buffer_append_span(&text, json);
    buffer_append_byte(&text, '\n');
    int code = tool_print(&text);
    buffer_fini(&text);
    return code;
}

/* ---- status ---- */

static int print_status(struct tool *tool, struct span status)
{
    int64_t letters = document_integer(status, "deadLetters");
    struct buffer text = {0};

    buffer_append_format(
        &text,
        "connections    %" PRId64 " open, %" PRId64 " opening, %" PRId64 " closing\n"
        "channels       %" PRId64 " with %" PRId64 " members\n"
        "dead letters   %s%" PRId64 " waiting%s\n"
        "edges          %" PRId64 " live\n\n",
        document_integer(status, "connections.open"),
        document_integer(status, "connections.opening"),
        document_integer(status, "connections.closing"), document_integer(status, "channels"),
        document_integer(status, "subscriptions"), tool_color(tool, letters > 0 ? "bad" : "good"),
        letters, tool_color(tool, "plain"), document_integer(status, "edges"));
    int code = tool_print(&text);
    buffer_fini(&text);
    return code;
}

/* With --json the edges are a member of the status. */
static int print_status_json(struct span status, struct span edges)
{
    struct span items = span_text("[]");
    struct buffer text = {0};

    (void)!document_find(edges, "items", &items);
    while (status.length > 0 && status.data[status.length - 1] != '}')
        status.length--;
    buffer_append(&text, status.data, status.length > 0 ? status.length - 1 : 0);
    buffer_append_text(&text, ",\"edgeList\":");
    buffer_append_span(&text, items);
    buffer_append_byte(&text, '}');
    int code = print_line(buffer_span(&text));
    buffer_fini(&text);
    return code;
}

int run_status(struct tool *tool)
{
    char *status = NULL, *edges = NULL;
    size_t status_length = 0, edges_length = 0;
    int code = tool_call(tool, "GET", "/v1/status", NULL, &status, &status_length);

    if (code == EXIT_DONE && tool->is_json) {
        code = tool_call(tool, "GET", "/v1/edges?limit=1000", NULL, &edges, &edges_length);
        if (code == EXIT_DONE)
            code = print_status_json(span_of(status, status_length), span_of(edges, edges_length));
    } else if (code == EXIT_DONE) {
        code = print_status(tool, span_of(status, status_length));
        if (code == EXIT_DONE)
            code = list_resource(tool, "/v1/edges", span_of(NULL, 0), edge_fields,
                                 ARRAY_LENGTH(edge_fields));
    }
    free(status);
    free(edges);
    return code;
}

/* ---- listings ---- */

int run_connections(struct tool *tool)
{
    struct buffer query = {0};

    query_append(&query, "channel", tool->options.values[OPTION_CHANNEL]);
    query_append(&query, "edge", tool->options.values[OPTION_EDGE]);
    query_append(&query, "state", tool->options.values[OPTION_STATE]);
    int code = list_resource(tool, "/v1/connections", buffer_span(&query), connection_fields,
                             ARRAY_LENGTH(connection_fields));
    buffer_fini(&query);
    return code;
}

int run_channels(struct tool *tool)
{
    struct buffer query = {0};

    if (tool->options.argument_count > 0)
        query_append(&query, "prefix", tool->options.arguments[0]);
    int code = list_resource(tool, "/v1/channels", buffer_span(&query), channel_fields,
                             ARRAY_LENGTH(channel_fields));
    buffer_fini(&query);
    return code;
}

int run_channel(struct tool *tool)
{
    char *path = slip_path_new("/v1/channels/{}/members", tool->options.arguments, 1);
    int code =
        list_resource(tool, path, span_of(NULL, 0), member_fields, ARRAY_LENGTH(member_fields));
    free(path);
    return code;
}

/* ---- one connection ---- */

void append_line(struct buffer *text, const char *title, struct span document, const char *path)
{
    struct buffer value = {0};

    document_append_text(document, path, &value);
    buffer_append_format(text, "%-12s ", title);
    text_append_safe(text, value.length ? buffer_span(&value) : span_text("-"));
    buffer_append_byte(text, '\n');
    buffer_fini(&value);
}

void append_json(struct buffer *text, struct span json)
{
    struct buffer pretty = {0};

    document_append_pretty(json, &pretty);
    for (struct span rest = buffer_span(&pretty); rest.data;) {
        text_append_safe(text, span_split(&rest, '\n'));
        buffer_append_byte(text, '\n');
    }
    buffer_fini(&pretty);
}

static void append_connection(struct buffer *text, struct span document)
{
    struct document_items channels;
    struct span json = span_text("null");

    append_line(text, "connection", document, "connectionId");
    append_line(text, "state", document, "state");
    append_line(text, "edge", document, "edge");
    append_line(text, "address", document, "ip");
    append_line(text, "path", document, "path");
    append_line(text, "created", document, "createdAt");
    append_line(text, "opened", document, "openedAt");
    document_items_init(&channels, document, "channels");
    while (document_items_next(&channels, &json))
        append_line(text, "channel", json, "");
    json = span_text("null");
    (void)!document_find(document, "metadata", &json);
    buffer_append_text(text, "metadata     ");
    append_json(text, json);
}

int print_one(struct tool *tool, const char *pattern, const char *id,
              void (*append)(struct buffer *text, struct span document))
{
    char *path = slip_path_new(pattern, &id, 1);
    struct buffer text = {0};
    char *body = NULL;
    size_t length = 0;
    int code = tool_call(tool, "GET", path, NULL, &body, &length);

    if (code == EXIT_DONE && tool->is_json) {
        code = print_line(span_of(body, length));
    } else if (code == EXIT_DONE) {
        append(&text, span_of(body, length));
        code = tool_print(&text);
    }
    buffer_fini(&text);
    free(body);
    free(path);
    return code;
}

int run_connection(struct tool *tool)
{
    return print_one(tool, "/v1/connections/{}", tool->options.arguments[0], append_connection);
}

static int show_metadata(struct tool *tool)
{
    char *path = slip_path_new("/v1/connections/{}", tool->options.arguments, 1);
    struct span json = span_text("null");
    struct buffer text = {0};
    char *body = NULL;
    size_t length = 0;
    int code = tool_call(tool, "GET", path, NULL, &body, &length);

    if (code == EXIT_DONE) {
        (void)!document_find(span_of(body, length), "metadata", &json);
        if (!tool->is_json) {
            append_json(&text, json);
        } else {
            buffer_append_span(&text, json);
            buffer_append_byte(&text, '\n');
        }
        code = tool_print(&text);
    }
    buffer_fini(&text);
    free(body);
    free(path);
    return code;
}

int run_metadata(struct tool *tool)
{
    struct slip_error error;

    if (tool->options.argument_count == 1)
        return show_metadata(tool);
    if (slip_publisher_set_metadata(tool->publisher, tool->options.arguments[0],
                                    tool->options.arguments[1], &error) != SLIP_OK)
        return tool_fail_result(tool, &error);
    return EXIT_DONE;
}
