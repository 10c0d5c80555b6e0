#include "control/control.h"
#include "control/queries.h"
#include "control/reads.h"

static bool channel_is_good(struct rest_call *call, const char *name, struct span channel)
{
    const char *reason = rules_check_channel(channel, call->rest->limits.channel_name_bytes);
    if (reason)
        rest_answer_invalid(call, PROBLEM_INVALID_PARAMETER, name, reason);
    return !reason;
}

void rest_list_channels(struct rest_call *call)
{
    struct span prefix = span_text("");
    struct page page;

    if (!read_page_parameters(call, &page))
        return;
    if (http_target_parameter(http_request_target(call->http), "prefix", &prefix) &&
        prefix.length > 0 && !channel_is_good(call, "prefix", prefix))
        return;
    struct database_value values[] = {page_after(&page), database_text(prefix), page_rows(&page)};
    read_page(call, &page, &query_channels, values, ARRAY_LENGTH(values));
}

void rest_read_channel(struct rest_call *call)
{
    if (!channel_is_good(call, "channel", call->channel))
        return;
    struct database_value value = database_text(call->channel);
    read_one(call, &query_channel, &value, 1, PROBLEM_NOT_FOUND);
}

void rest_list_members(struct rest_call *call)
{
    struct page page;

    if (!channel_is_good(call, "channel", call->channel) || !read_page_parameters(call, &page))
        return;
    struct database_value values[] = {database_text(call->channel), page_after(&page),
                                      page_rows(&page)};
    read_page(call, &page, &query_members, values, ARRAY_LENGTH(values));
}

void rest_close_channel(struct rest_call *call)
{
    rest_command(call, COMMAND_CLOSE_CHANNEL, http_request_body(call->http));
}
