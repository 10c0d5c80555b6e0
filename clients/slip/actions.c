/* slip publish, send, close, close-channel, subscribe, unsubscribe, token. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/slip/tool.h"

enum { MESSAGE_BYTES_MAX = 64 << 20, LIFETIME_S = 3600, LIFETIME_S_MAX = 10 * 366 * 86400 };

static int end(const struct tool *tool, enum slip_result result, const struct slip_error *error)
{
    return result == SLIP_OK ? EXIT_DONE : tool_fail_result(tool, error);
}

/* ---- publish, send ---- */

static int read_input(struct buffer *message)
{
    ssize_t got;

    while ((got = read(STDIN_FILENO, buffer_reserve(message, 65536), 65536)) > 0) {
        buffer_commit(message, (size_t)got);
        if (message->length > MESSAGE_BYTES_MAX)
            return tool_fail(EXIT_USAGE, "standard input is longer than 64 MB");
    }
    return got < 0 ? tool_fail(EXIT_ODD, "standard input: %s", strerror(errno)) : EXIT_DONE;
}

/* The line end that echo puts behind a text is not meant. */
static void drop_line_end(struct buffer *message)
{
    if (message->length > 0 && message->data[message->length - 1] == '\n')
        message->length--;
}

static enum slip_result append_message(const struct tool *tool, struct slip_commands *commands,
                                       struct span message)
{
    const char *target = tool->options.arguments[0];
    bool is_binary = tool->options.values[OPTION_BINARY] != NULL;

    if (tool->options.command == COMMAND_PUBLISH)
        return is_binary ? slip_publish_binary(commands, target, message.data, message.length)
                         : slip_publish_text(commands, target, message.data, message.length);
    return is_binary ? slip_send_binary(commands, target, message.data, message.length)
                     : slip_send_text(commands, target, message.data, message.length);
}

/* With a key of the caller's it goes as a list, which carries it. */
static int send_with_key(struct tool *tool, struct span message)
{
    struct slip_commands *commands = slip_commands_new();
    struct slip_error error;
    enum slip_result result = append_message(tool, commands, message);

    if (result == SLIP_OK)
        result = slip_publisher_send(tool->publisher, commands, tool->options.values[OPTION_KEY],
                                     &error);
    else
        (void)slip_commands_error(commands, &error);
    slip_commands_free(commands);
    return end(tool, result, &error);
}

static int send_message(struct tool *tool, struct span message)
{
    const char *target = tool->options.arguments[0];
    bool is_binary = tool->options.values[OPTION_BINARY] != NULL;
    struct slip_publisher *publisher = tool->publisher;
    struct slip_error error;
    enum slip_result result;

    if (tool->options.values[OPTION_KEY])
        return send_with_key(tool, message);
    if (tool->options.command == COMMAND_PUBLISH)
        result = is_binary ? slip_publisher_publish_binary(publisher, target, message.data,
                                                           message.length, &error)
                           : slip_publisher_publish_text(publisher, target, message.data,
                                                         message.length, &error);
    else
        result = is_binary ? slip_publisher_send_binary(publisher, target, message.data,
                                                        message.length, &error)
                           : slip_publisher_send_text(publisher, target, message.data,
                                                      message.length, &error);
    return end(tool, result, &error);
}

int run_message(struct tool *tool)
{
    struct buffer message = {0};
    int code = EXIT_DONE;

    (void)buffer_reserve(&message, 1);
    if (tool->options.argument_count == 2) {
        buffer_append_text(&message, tool->options.arguments[1]);
    } else {
        code = read_input(&message);
        if (!tool->options.values[OPTION_BINARY])
            drop_line_end(&message);
    }
    if (code == EXIT_DONE)
        code = send_message(tool, buffer_span(&message));
    buffer_fini(&message);
    return code;
}

/* ---- close ---- */

int run_close(struct tool *tool)
{
    const char *target = tool->options.arguments[0];
    const char *reason = tool->options.values[OPTION_REASON];
    struct slip_error error;
    enum slip_result result;
    int64_t close_code;

    if (!options_number(&tool->options, OPTION_CODE, 1000, 4999, 1000, &close_code))
        return tool_fail(EXIT_USAGE, "--code is not 1000 to 4999");
    if (tool->options.command == COMMAND_CLOSE)
        result =
            slip_publisher_close(tool->publisher, target, (uint16_t)close_code, reason, &error);
    else
        result = slip_publisher_close_channel(tool->publisher, target, (uint16_t)close_code, reason,
                                              &error);
    return end(tool, result, &error);
}

/* ---- subscribe, unsubscribe ---- */

int run_membership(struct tool *tool)
{
    const char *const *arguments = tool->options.arguments;
    struct slip_error error;

    if (tool->options.command == COMMAND_SUBSCRIBE)
        return end(tool,
                   slip_publisher_subscribe(tool->publisher, arguments[0], arguments[1], &error),
                   &error);
    return end(tool,
               slip_publisher_unsubscribe(tool->publisher, arguments[0], arguments[1], &error),
               &error);
}

/* ---- token ---- */

int run_token(struct tool *tool)
{
    const char *audience = tool->options.values[OPTION_AUDIENCE];
    bool is_event = audience && strcmp(audience, "event") == 0;
    int64_t lifetime_s;

    if (audience && !is_event && strcmp(audience, "control") != 0)
        return tool_fail(EXIT_USAGE, "--audience is control or event, not %s", audience);
    if (!options_number(&tool->options, OPTION_LIFETIME, 1, LIFETIME_S_MAX, LIFETIME_S,
                        &lifetime_s))
        return tool_fail(EXIT_USAGE, "--lifetime is not 1 to %d seconds", LIFETIME_S_MAX);
    if (!tool->secret)
        return tool_fail(EXIT_USAGE, "JWT_SECRET or JWT_SECRET_FILE is needed to make a token");
    char *token = slip_token_new(
        tool->secret, is_event ? SLIP_AUDIENCE_EVENT : SLIP_AUDIENCE_CONTROL, lifetime_s);
    struct buffer text = {0};
    if (tool->is_json)
        buffer_append_format(&text, "{\"token\":\"%s\"}\n", token);
    else
        buffer_append_format(&text, "%s\n", token);
    int code = tool_print(&text);
    buffer_fini(&text);
    free(token);
    return code;
}
