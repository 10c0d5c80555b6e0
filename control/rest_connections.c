#include "common/text/json.h"
#include "common/text/utf8.h"
#include "control/control.h"
#include "control/queries.h"
#include "control/reads.h"

void rest_list_connections(struct rest_call *call)
{
    static const char *const states[] = {"opening", "open", "closing", NULL};
    struct database_value channel, edge, state;
    struct page page;

    if (!read_page_parameters(call, &page) || !read_filter(call, "channel", &channel) ||
        !read_filter(call, "edge", &edge) ||
        !read_state(call, states, "is none of opening, open, closing", &state))
        return;
    struct database_value values[] = {page_after(&page), edge, state, page_rows(&page), channel};
    if (channel.text.data)
        read_page(call, &page, &query_connections_of_channel, values, 5);
    else
        read_page(call, &page, &query_connections, values, 4);
}

void rest_read_connection(struct rest_call *call)
{
    if (!utf8_is_valid(call->connection) ||
        memchr(call->connection.data, '\0', call->connection.length)) {
        rest_answer_problem(call, PROBLEM_NO_SUCH_CONNECTION, span_of(NULL, 0));
        return;
    }
    struct database_value value = database_text(call->connection);
    read_one(call, &query_connection, &value, 1, PROBLEM_NO_SUCH_CONNECTION);
}

/* Is `"binary": true` among the members? NULL, or why that cannot be said. A body that is not JSON
 * is left to the command's own parser, which says where. */
static const char *read_binary(struct span body, bool *ret_is_binary)
{
    struct json_reader reader;
    struct span key;
    const char *reason = NULL;

    *ret_is_binary = false;
    json_reader_init(&reader, body);
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        if (!span_is(key, "binary")) {
            json_skip(&reader);
        } else if (json_peek(&reader) == JSON_BOOLEAN) {
            *ret_is_binary = json_take_boolean(&reader);
        } else {
            reason = "is not a boolean";
            json_skip(&reader);
        }
    }
    return json_finish(&reader) == 0 ? reason : NULL;
}

/* {"data": "…"} or {"data": "<base64>", "binary": true} */
static void send_message(struct rest_call *call, enum command_type text, enum command_type binary)
{
    struct span body = http_request_body(call->http);
    bool is_binary;
    const char *reason = read_binary(body, &is_binary);

    if (reason)
        rest_answer_invalid(call, PROBLEM_INVALID_BODY, "binary", reason);
    else
        rest_command(call, is_binary ? binary : text, body);
}

void rest_send_to_connection(struct rest_call *call)
{
    send_message(call, COMMAND_TEXT, COMMAND_BINARY);
}

void rest_publish(struct rest_call *call)
{
    send_message(call, COMMAND_PUBLISH_TEXT, COMMAND_PUBLISH_BINARY);
}

void rest_close_connection(struct rest_call *call)
{
    rest_command(call, COMMAND_CLOSE, http_request_body(call->http));
}

void rest_subscribe(struct rest_call *call)
{
    rest_command(call, COMMAND_SUBSCRIBE, span_of(NULL, 0));
}

void rest_unsubscribe(struct rest_call *call)
{
    rest_command(call, COMMAND_UNSUBSCRIBE, span_of(NULL, 0));
}

/* The body is the metadata itself; the parser wants it as a member. */
void rest_set_metadata(struct rest_call *call)
{
    struct span metadata = http_request_body(call->http);
    struct buffer body = {0};

    if (!json_is_valid(metadata)) {
        rest_answer_problem(call, PROBLEM_INVALID_BODY, span_text("the body is not JSON"));
        return;
    }
    buffer_append_text(&body, "{\"metadata\":");
    buffer_append_span(&body, metadata);
    buffer_append_byte(&body, '}');
    rest_command(call, COMMAND_SET_METADATA, buffer_span(&body));
    buffer_fini(&body);
}
