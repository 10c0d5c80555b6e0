#include "clients/slip/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TIMEOUT_S = 10, TIMEOUT_S_MAX = 3600 };

int tool_fail(enum exit_code code, const char *format, ...)
{
    char text[1024];
    struct buffer safe = {0};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_append_safe(&safe, span_text(text));
    fprintf(stderr, "slip: %.*s\n", SPAN_ARGS(buffer_span(&safe)));
    buffer_fini(&safe);
    return code;
}

void tool_append_result(const struct tool *tool, const struct slip_error *error,
                        struct buffer *text)
{
    buffer_append_text(text, error->message);
    if (error->result == SLIP_DENIED)
        buffer_append_format(text, " (it is %s)", tool->token_origin);
}

static enum exit_code code_of(enum slip_result result)
{
    switch (result) {
    case SLIP_DENIED:
        return EXIT_DENIED;
    case SLIP_INVALID:
    case SLIP_NO_SUCH_CONNECTION:
    case SLIP_NOT_FOUND:
    case SLIP_CONFLICT:
        return EXIT_REFUSED;
    case SLIP_NOT_APPLIED:
    case SLIP_OVERLOADED:
    case SLIP_UNAVAILABLE:
    case SLIP_UNREACHABLE:
    case SLIP_TIMED_OUT:
        return EXIT_AWAY;
    case SLIP_OK:
    case SLIP_UNEXPECTED:
    case SLIP_STOPPED:
        break;
    }
    return EXIT_ODD;
}

int tool_fail_result(const struct tool *tool, const struct slip_error *error)
{
    struct buffer text = {0};

    tool_append_result(tool, error, &text);
    int code = tool_fail(code_of(error->result), "%.*s", SPAN_ARGS(buffer_span(&text)));
    buffer_fini(&text);
    return code;
}

int tool_print(const struct buffer *text)
{
    if (fwrite(text->length ? text->data : "", 1, text->length, stdout) == text->length &&
        fflush(stdout) == 0)
        return EXIT_DONE;
    return errno == EPIPE ? EXIT_ODD : tool_fail(EXIT_ODD, "standard output: %s", strerror(errno));
}

/* ---- the terminal ---- */

static size_t terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}

static int read_color(struct tool *tool)
{
    const char *when = tool->options.values[OPTION_COLOR];
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    if (when && strcmp(when, "always") == 0)
        tool->is_coloured = true;
    else if (!when || strcmp(when, "auto") == 0)
        tool->is_coloured = isatty(STDOUT_FILENO) && !(no_color && *no_color) && terminal &&
                            strcmp(terminal, "dumb") != 0;
    else if (strcmp(when, "never") != 0)
        return tool_fail(EXIT_USAGE, "--color is auto, always or never, not %s", when);
    return EXIT_DONE;
}

const char *tool_color(const struct tool *tool, const char *state)
{
    if (!tool->is_coloured)
        return "";
    return strcmp(state, "good") == 0   ? "\033[32m"
           : strcmp(state, "fair") == 0 ? "\033[33m"
           : strcmp(state, "bad") == 0  ? "\033[31m"
           : strcmp(state, "bold") == 0 ? "\033[1m"
           : strcmp(state, "dim") == 0  ? "\033[2m"
                                        : "\033[0m";
}

/* ---- life ---- */

int tool_init(struct tool *tool)
{
    int64_t timeout_s;
    int code = read_color(tool);

    if (code != EXIT_DONE)
        return code;
    if (!options_number(&tool->options, OPTION_TIMEOUT, 1, TIMEOUT_S_MAX, TIMEOUT_S, &timeout_s))
        return tool_fail(EXIT_USAGE, "--timeout is not 1 to %d seconds", TIMEOUT_S_MAX);
    tool->timeout_ms = timeout_s * 1000;
    tool->is_json = tool->options.values[OPTION_JSON] != NULL;
    tool->width = terminal_width();
    return settings_read(tool);
}

void tool_fini(struct tool *tool)
{
    slip_publisher_free(tool->publisher);
    options_fini(&tool->options);
    if (tool->secret)
        explicit_bzero(tool->secret, strlen(tool->secret));
    free(tool->controls);
    free(tool->control_url);
    free(tool->metrics);
    free(tool->token_origin);
    free(tool->token);
    free(tool->secret);
}

int tool_call(struct tool *tool, const char *method, const char *path, const char *body,
              char **ret_body, size_t *ret_length)
{
    struct slip_error error;

    if (slip_publisher_call(tool->publisher, method, path, body, ret_body, ret_length, &error) ==
        SLIP_OK)
        return EXIT_DONE;
    return tool_fail_result(tool, &error);
}
