/* slip: see options.def for what it can, and tool.h for how it is put together. */
#include <signal.h>

#include "clients/slip/tool.h"

struct command {
    int (*run)(struct tool *tool);
    bool is_alone; /* needs no broker */
};

static const struct command commands[COMMAND_COUNT] = {
    [COMMAND_STATUS] = {run_status, false},
    [COMMAND_CONNECTIONS] = {run_connections, false},
    [COMMAND_CONNECTION] = {run_connection, false},
    [COMMAND_CHANNELS] = {run_channels, false},
    [COMMAND_CHANNEL] = {run_channel, false},
    [COMMAND_PUBLISH] = {run_message, false},
    [COMMAND_SEND] = {run_message, false},
    [COMMAND_CLOSE] = {run_close, false},
    [COMMAND_CLOSE_CHANNEL] = {run_close, false},
    [COMMAND_SUBSCRIBE] = {run_membership, false},
    [COMMAND_UNSUBSCRIBE] = {run_membership, false},
    [COMMAND_METADATA] = {run_metadata, false},
    [COMMAND_TAIL] = {run_tail, false},
    [COMMAND_TOKEN] = {run_token, true},
    [COMMAND_TOP] = {run_top, false},
    [COMMAND_DEAD_LETTERS] = {run_dead_letters, false},
};

static int print_text(void (*append)(struct buffer *text))
{
    struct buffer text = {0};

    append(&text);
    int code = tool_print(&text);
    buffer_fini(&text);
    return code;
}

static void append_version(struct buffer *text)
{
    buffer_append_format(text, "slip %s\n", slip_version());
}

static int print_help(enum command_id command)
{
    struct buffer text = {0};

    options_help(command, &text);
    int code = tool_print(&text);
    buffer_fini(&text);
    return code;
}

static int run(struct tool *tool)
{
    const struct command *command = &commands[tool->options.command];
    int code = tool_init(tool);

    if (code == EXIT_DONE && !command->is_alone)
        code = tool_connect(tool);
    return code == EXIT_DONE ? command->run(tool) : code;
}

static int choose(struct tool *tool)
{
    const struct options *options = &tool->options;

    if (options->values[OPTION_HELP])
        return print_help(options->command);
    if (options->values[OPTION_VERSION])
        return print_text(append_version);
    if (options->command == COMMAND_COMPLETION)
        return print_text(options_completion);
    if (options->command == COMMAND_MANUAL)
        return print_text(options_manual);
    return run(tool);
}

int main(int argc, char **argv)
{
    struct tool tool = {.timeout_ms = 0};
    struct buffer error = {0};
    int code;

    signal(SIGPIPE, SIG_IGN);
    text_init();
    if (options_parse(argc, argv, &tool.options, &error) == 0)
        code = choose(&tool);
    else
        code = tool_fail(EXIT_USAGE, "%.*s", SPAN_ARGS(buffer_span(&error)));
    buffer_fini(&error);
    tool_fini(&tool);
    return code;
}
