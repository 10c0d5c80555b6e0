#include "control/control.h"
#include "control/queries.h"
#include "control/reads.h"

bool rest_channel_is_good(struct rest_call *call, const char *name, struct span channel)
{
    size_t limit = call->rest->limits.channel_name_bytes;
    const char *reason = rules_check_channel(channel, limit);
    struct buffer detail = {0};

    if (!reason)
        return true;
    buffer_append_format(&detail, "%s %s", name, reason);
    if (channel.length > limit)
        contract_limit_append(limit, RULES_CHANNEL_SETTING, &detail);
    rest_answer_problem(call, PROBLEM_INVALID_PARAMETER, buffer_span(&detail));
    buffer_fini(&detail);
    return false;
}

void rest_list_channels(struct rest_call *call)
{
    struct span prefix = span_text("");
    struct page page;

    if (!read_page_parameters(call, &page))
        return;
    if (http_target_parameter(http_request_target(call->http), "prefix", &prefix) &&
        prefix.length > 0 && !rest_channel_is_good(call, "prefix", prefix))
        return;
    struct database_value values[] = {page_after(&page), database_text(prefix), page_rows(&page)};
    read_page(call, &page, &query_channels, values, ARRAY_LENGTH(values));
}

void rest_read_channel(struct rest_call *call)
{
    if (!rest_channel_is_good(call, "channel", call->channel))
        return;
    struct database_value value = database_text(call->channel);
    read_one(call, &query_channel, &value, 1, PROBLEM_NOT_FOUND);
}

void rest_list_members(struct rest_call *call)
{
    struct page page;

    if (!rest_channel_is_good(call, "channel", call->channel) || !read_page_parameters(call, &page))
        return;
    struct database_value values[] = {database_text(call->channel), page_after(&page),
                                      page_rows(&page)};
    read_page(call, &page, &query_members, values, ARRAY_LENGTH(values));
}

void rest_close_channel(struct rest_call *call)
{
    rest_command(call, COMMAND_CLOSE_CHANNEL, http_request_body(call->http));
}
