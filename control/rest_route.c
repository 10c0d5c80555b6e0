#include "common/base/clock.h"
#include "common/process/log.h"
#include "control/control.h"

const struct rest_route rest_routes[] = {
    {"GET", "/v1/openapi.json", rest_openapi, NULL, true},
    {"GET", "/v1/status", rest_read_status, NULL, false},
    {"GET", "/v1/processes", rest_list_processes, NULL, false},
    {"GET", "/v1/edges", rest_list_edges, "limit, cursor", false},
    {"GET", "/v1/connections", rest_list_connections, "channel, edge, state, limit, cursor", false},
    {"GET", "/v1/connections/{connectionId}", rest_read_connection, NULL, false},
    {"POST", "/v1/connections/{connectionId}/messages", rest_send_to_connection, NULL, false},
    {"POST", "/v1/connections/{connectionId}/close", rest_close_connection, NULL, false},
    {"PUT", "/v1/connections/{connectionId}/metadata", rest_set_metadata, NULL, false},
    {"PUT", "/v1/connections/{connectionId}/subscriptions/{channel}", rest_subscribe, NULL, false},
    {"DELETE", "/v1/connections/{connectionId}/subscriptions/{channel}", rest_unsubscribe, NULL,
     false},
    {"GET", "/v1/channels", rest_list_channels, "prefix, limit, cursor", false},
    {"GET", "/v1/channels/{channel}", rest_read_channel, NULL, false},
    {"GET", "/v1/channels/{channel}/members", rest_list_members, "limit, cursor", false},
    {"GET", "/v1/channels/{channel}/messages", rest_tail, NULL, false},
    {"POST", "/v1/channels/{channel}/messages", rest_publish, NULL, false},
    {"POST", "/v1/channels/{channel}/close", rest_close_channel, NULL, false},
    {"GET", "/v1/dead-letters", rest_list_dead_letters, "connection, state, limit, cursor", false},
    {"GET", "/v1/dead-letters/{deadLetterId}", rest_read_dead_letter, NULL, false},
    {"DELETE", "/v1/dead-letters/{deadLetterId}", rest_discard_dead_letter, NULL, false},
    {"POST", "/v1/dead-letters/{deadLetterId}/replay", rest_replay_dead_letter, NULL, false},
};
const size_t rest_route_count = ARRAY_LENGTH(rest_routes);

bool rest_is_resource(const struct http_request *http)
{
    const struct http_target *target = http_request_target(http);
    return target->segment_count > 0 && span_is(target->segments[0], "v1");
}

static bool segment_matches(struct rest_call *call, struct span pattern, struct span segment)
{
    if (span_is(pattern, "{connectionId}"))
        call->connection = segment;
    else if (span_is(pattern, "{channel}"))
        call->channel = segment;
    else if (span_is(pattern, "{deadLetterId}"))
        call->letter = segment;
    else
        return span_equal(pattern, segment);
    return segment.length > 0;
}

static bool path_matches(struct rest_call *call, const char *path, const struct http_target *target)
{
    struct span rest = span_text(path + 1);
    size_t i = 0;

    for (; rest.data && i < target->segment_count; i++)
        if (!segment_matches(call, span_split(&rest, '/'), target->segments[i]))
            return false;
    return !rest.data && i == target->segment_count;
}

static void append_method(struct buffer *allowed, const char *method)
{
    buffer_append_format(allowed, "%s%s", allowed->length ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        buffer_append_text(allowed, ", HEAD");
}

/* The route, or NULL with the methods that the path knows (none: the path is unknown). */
static const struct rest_route *find_route(struct rest_call *call, struct buffer *ret_allowed)
{
    const struct http_target *target = http_request_target(call->http);

    for (size_t i = 0; i < rest_route_count; i++) {
        const struct rest_route *route = &rest_routes[i];
        if (!path_matches(call, route->path, target))
            continue;
        if (span_is(http_request_method(call->http), route->method))
            return route;
        append_method(ret_allowed, route->method);
    }
    return NULL;
}

/* ---- the token ---- */

/* false: answered why not. */
static bool token_is_good(struct rest_call *call)
{
    static struct log_limit limit;
    enum token_problem problem;
    struct span authorization = http_request_header(call->http, "Authorization");

    if (token_verify_until(call->rest->verifier, authorization, clock_realtime_ms(),
                           &call->token_expires_ms, &problem) == 0)
        return true;
    log_limited(&limit, LOG_LEVEL_INFO, "a token was refused",
                LOG_TEXT("problem", token_problem_label(problem)),
                LOG_TEXT("ip", http_request_client(call->http)));
    rest_answer_unauthorized(call, token_problem_text(problem));
    return false;
}

/* ---- the query ---- */

static bool is_listed(const char *names, struct span name)
{
    struct span rest = span_text(names);

    while (rest.data)
        if (span_equal(span_trim(span_split(&rest, ',')), name))
            return true;
    return false;
}

/* A filter with a typing mistake would list everything. false: answered. */
static bool query_is_known(struct rest_call *call, const struct rest_route *route)
{
    const struct http_target *target = http_request_target(call->http);
    const char *known = route->parameters;

    for (size_t i = 0; i < target->parameter_count; i++) {
        struct span name = target->parameters[i].name;
        if (known && is_listed(known, name))
            continue;
        struct buffer detail = {0};
        buffer_append_format(&detail, "there is no parameter \"%.*s\" here; known: %s",
                             SPAN_ARGS(name), known ? known : "none");
        rest_answer_problem(call, PROBLEM_INVALID_PARAMETER, buffer_span(&detail));
        buffer_fini(&detail);
        return false;
    }
    return true;
}

/* ---- both faces ---- */

static void answer_no_route(struct rest_call *call, struct buffer *allowed)
{
    if (allowed->length > 0) {
        buffer_append_byte(allowed, '\0');
        rest_answer_not_allowed(call, allowed->data);
    } else {
        rest_answer_problem(call, PROBLEM_NOT_FOUND, span_of(NULL, 0));
    }
}

/* What needs no token needs no body either: it is answered before one is kept. */
static bool open_resource(struct rest_call *call)
{
    struct buffer allowed = {0};
    const struct rest_route *route = find_route(call, &allowed);
    bool is_public = route && route->is_public;
    bool is_open = false;

    if (!is_public && !token_is_good(call))
        goto out;
    if (!route) {
        answer_no_route(call, &allowed);
        goto out;
    }
    if (!query_is_known(call, route))
        goto out;
    call->handle = route->handle;
    is_open = !is_public;
    if (is_public)
        call->handle(call);
out:
    buffer_fini(&allowed);
    return is_open;
}

static bool open_contract(struct rest_call *call)
{
    call->is_contract = true;
    call->handle = rest_contract;
    if (span_is(http_request_method(call->http), "POST"))
        return token_is_good(call);
    rest_answer_not_allowed(call, "POST");
    return false;
}

bool rest_open_call(struct rest_call *call)
{
    return rest_is_resource(call->http) ? open_resource(call) : open_contract(call);
}
