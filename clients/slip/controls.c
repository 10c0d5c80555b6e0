/* Which of the controls is spoken to: all do the same, so the first that answers. */
#include <stdlib.h>

#include "clients/slip/tool.h"

/* Takes this one. EXIT_DONE, or what was said already. */
static int use(struct tool *tool, struct span url)
{
    struct slip_publisher *publisher;
    struct slip_error error;

    free(tool->control_url);
    tool->control_url = span_dup(url);
    struct slip_publisher_options options = {.control_api = tool->control_url,
                                             .jwt_secret = tool->token ? NULL : tool->secret,
                                             .token = tool->token,
                                             .timeout_ms = tool->timeout_ms,
                                             .retry_limit_ms = tool->timeout_ms,
                                             .attempts = 2};
    if (slip_publisher_new(&options, &publisher, &error) != SLIP_OK)
        return tool_fail(EXIT_USAGE, "%s: %s", tool->control_url, error.message);
    slip_publisher_free(tool->publisher);
    tool->publisher = publisher;
    return EXIT_DONE;
}

bool tool_is_away(const struct slip_error *error)
{
    return error->result == SLIP_UNREACHABLE || error->result == SLIP_TIMED_OUT;
}

/* Any answer will do, and this one ("no such resource") costs nothing. */
static bool answers(const struct tool *tool)
{
    struct slip_error error;
    char *body = NULL;
    size_t length;

    enum slip_result result =
        slip_publisher_call(tool->publisher, "GET", "/v1/", NULL, &body, &length, &error);
    free(body);
    return result == SLIP_OK || !tool_is_away(&error);
}

int tool_connect(struct tool *tool)
{
    struct span rest = span_text(tool->controls);
    int code = EXIT_DONE;

    if (!tool->controls)
        return tool_fail(EXIT_USAGE, "where is control? Set CONTROL_URL, or give --control-url or "
                                     "--outputs");
    if (!tool->token && !tool->secret)
        return tool_fail(EXIT_USAGE, "a token is needed: set JWT_SECRET, JWT_SECRET_FILE or "
                                     "SLIP_TOKEN");
    do {
        code = use(tool, span_trim(span_split(&rest, ',')));
        /* The last one is taken as it is: what is asked of it tells what is the matter. */
    } while (code == EXIT_DONE && rest.data && !answers(tool));
    return code;
}
