#include "control/rest.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "control/control.h"

enum { HEADER_BYTES = 32768, CONNECTIONS = 10000, CLIENT_TIMEOUT_MS = 60000, COMMANDS_MAX = 10000 };

const struct rest_route rest_routes[] = {
    {"GET", "/v1/openapi.json", rest_openapi, true},
    {"GET", "/v1/status", rest_read_status, false},
    {"GET", "/v1/processes", rest_list_processes, false},
    {"GET", "/v1/edges", rest_list_edges, false},
    {"GET", "/v1/connections", rest_list_connections, false},
    {"GET", "/v1/connections/{connectionId}", rest_read_connection, false},
    {"POST", "/v1/connections/{connectionId}/messages", rest_send_to_connection, false},
    {"POST", "/v1/connections/{connectionId}/close", rest_close_connection, false},
    {"PUT", "/v1/connections/{connectionId}/metadata", rest_set_metadata, false},
    {"PUT", "/v1/connections/{connectionId}/subscriptions/{channel}", rest_subscribe, false},
    {"DELETE", "/v1/connections/{connectionId}/subscriptions/{channel}", rest_unsubscribe, false},
    {"GET", "/v1/channels", rest_list_channels, false},
    {"GET", "/v1/channels/{channel}", rest_read_channel, false},
    {"GET", "/v1/channels/{channel}/members", rest_list_members, false},
    {"GET", "/v1/channels/{channel}/messages", rest_tail, false},
    {"POST", "/v1/channels/{channel}/messages", rest_publish, false},
    {"POST", "/v1/channels/{channel}/close", rest_close_channel, false},
    {"GET", "/v1/dead-letters", rest_list_dead_letters, false},
    {"GET", "/v1/dead-letters/{deadLetterId}", rest_read_dead_letter, false},
    {"DELETE", "/v1/dead-letters/{deadLetterId}", rest_discard_dead_letter, false},
    {"POST", "/v1/dead-letters/{deadLetterId}/replay", rest_replay_dead_letter, false},
};
const size_t rest_route_count = ARRAY_LENGTH(rest_routes);

/* ---- answers ---- */

static unsigned int status_class(unsigned int status)
{
    switch (status / 100) {
    case 2:
        return LABEL_STATUS_2XX;
    case 3:
        return LABEL_STATUS_3XX;
    case 4:
        return LABEL_STATUS_4XX;
    default:
        return LABEL_STATUS_5XX;
    }
}

static void free_call(struct rest_call *call)
{
    loop_timer_stop(call->rest->control->loop, &call->timer);
    if (call->request)
        request_abandon(call->request);
    if (call->unit)
        database_forget(call->unit);
    tail_destroy(&call->tail);
    list_remove(&call->link);
    list_remove(&call->in_round);
    call->rest->call_count--;
    free(call);
}

enum { HEADERS_MAX = 4 };

static void measure(const struct rest_call *call, unsigned int status)
{
    metric_add_label(METRIC_REST_REQUESTS, status_class(status), 1);
    metric_observe(METRIC_REST_DURATION, clock_monotonic_us() - call->started_us);
}

static void answer(struct rest_call *call, unsigned int status, const char *content_type,
                   struct span body, const char *name, const char *value)
{
    struct http_header headers[HEADERS_MAX] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", "no-store"},
        {name, value},
    };
    struct http_answer http_answer = {.status = status,
                                      .content_type = content_type,
                                      .body = body,
                                      .headers = headers,
                                      .header_count = value ? 3 : 2};

    measure(call, status);
    http_request_set_context(call->http, NULL);
    http_request_answer(call->http, &http_answer);
    free_call(call);
}

void rest_answer_json(struct rest_call *call, unsigned int status, struct span body)
{
    answer(call, status, "application/json", body, NULL, NULL);
}

void rest_answer_accepted(struct rest_call *call, struct span body, const char *location)
{
    answer(call, 202, "application/json", body, "Location", location);
}

void rest_answer_empty(struct rest_call *call)
{
    answer(call, 204, NULL, span_of(NULL, 0), NULL, NULL);
}

void rest_answer_text(struct rest_call *call, unsigned int status, const char *text)
{
    answer(call, status, "text/plain", span_text(text), NULL, NULL);
}

void rest_begin(struct rest_call *call, const char *content_type, struct span body)
{
    const struct http_header headers[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", "no-store"},
    };
    const struct http_answer http_answer = {.status = 200,
                                            .content_type = content_type,
                                            .body = body,
                                            .headers = headers,
                                            .header_count = ARRAY_LENGTH(headers)};
    measure(call, 200);
    http_request_begin(call->http, &http_answer);
}

void rest_end(struct rest_call *call)
{
    http_request_set_context(call->http, NULL);
    http_request_end(call->http);
    free_call(call);
}

static void answer_problem(struct rest_call *call, enum problem problem, struct span detail,
                           const char *name, const char *value)
{
    struct buffer body = {0};
    problem_append(problem, detail, &body);
    answer(call, problem_status(problem), PROBLEM_MEDIA_TYPE, buffer_span(&body), name, value);
    buffer_fini(&body);
}

void rest_answer_problem(struct rest_call *call, enum problem problem, struct span detail)
{
    answer_problem(call, problem, detail, "Retry-After", problem_retry_after(problem));
}

void rest_answer_invalid(struct rest_call *call, enum problem problem, const char *field,
                         const char *reason)
{
    struct buffer detail = {0};
    buffer_append_format(&detail, "%s %s", field, reason);
    rest_answer_problem(call, problem, buffer_span(&detail));
    buffer_fini(&detail);
}

/* ---- routing ---- */

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
        buffer_append_format(ret_allowed, "%s%s", ret_allowed->length ? ", " : "", route->method);
    }
    return NULL;
}

static bool token_is_good(struct rest_call *call)
{
    static struct log_limit limit;
    enum token_problem problem;
    struct span authorization = http_request_header(call->http, "Authorization");

    if (token_verify(call->rest->verifier, authorization, clock_realtime_ms(), &problem) == 0)
        return true;
    log_limited(&limit, LOG_LEVEL_INFO, "a token was refused",
                LOG_TEXT("problem", token_problem_label(problem)),
                LOG_TEXT("ip", http_request_client(call->http)));
    return false;
}

static void handle_v1(struct rest_call *call)
{
    struct buffer allowed = {0};
    const struct rest_route *route = find_route(call, &allowed);

    if (!(route && route->is_public) && !token_is_good(call)) {
        answer_problem(call, PROBLEM_INVALID_TOKEN, span_of(NULL, 0), "WWW-Authenticate",
                       "Bearer error=\"invalid_token\"");
    } else if (route) {
        route->handle(call);
    } else if (allowed.length > 0) {
        buffer_append_byte(&allowed, '\0');
        answer_problem(call, PROBLEM_METHOD_NOT_ALLOWED, span_of(NULL, 0), "Allow", allowed.data);
    } else {
        rest_answer_problem(call, PROBLEM_NOT_FOUND, span_of(NULL, 0));
    }
    buffer_fini(&allowed);
}

static void handle_contract(struct rest_call *call)
{
    call->is_contract = true;
    if (!span_is(http_request_method(call->http), "POST"))
        answer_problem(call, PROBLEM_METHOD_NOT_ALLOWED, span_of(NULL, 0), "Allow", "POST");
    else if (!token_is_good(call))
        rest_answer_text(call, 403, "Invalid token");
    else
        rest_contract(call);
}

static void on_call_due(struct loop_timer *timer)
{
    struct rest_call *call = CONTAINER_OF(timer, struct rest_call, timer);
    rest_answer_problem(call, PROBLEM_NOT_APPLIED, span_of(NULL, 0));
}

void rest_handle(struct rest *rest, struct http_request *http)
{
    struct rest_call *call = xcalloc(1, sizeof *call);

    call->rest = rest;
    call->http = http;
    call->started_us = clock_monotonic_us();
    loop_timer_init(&call->timer, on_call_due);
    list_init(&call->in_round);
    list_append(&rest->calls, &call->link);
    rest->call_count++;
    http_request_set_context(http, call);
    if (rest_is_resource(http))
        handle_v1(call);
    else
        handle_contract(call);
}

void rest_gone(struct http_request *http)
{
    struct rest_call *call = http_request_context(http);
    if (call)
        free_call(call);
}

static void on_request(void *context, struct http_request *http)
{
    rest_handle(context, http);
}

static void on_gone(void *context, struct http_request *http)
{
    (void)context;
    rest_gone(http);
}

/* ---- life ---- */

static void on_draining_due(struct loop_timer *timer)
{
    struct rest *rest = CONTAINER_OF(timer, struct rest, draining);
    LIST_FOR_EACH(&rest->calls, link) {
        rest_answer_problem(LIST_ENTRY(link, struct rest_call, link), PROBLEM_NOT_APPLIED,
                            span_of(NULL, 0));
    }
}

int rest_open(struct rest *rest, struct control *control)
{
    const struct config *config = control->config;
    struct http_handler handler = {.on_request = on_request, .on_gone = on_gone};
    struct http_limits limits = {.body_bytes = config->control_body_bytes,
                                 .header_bytes = HEADER_BYTES,
                                 .timeout_ms = CLIENT_TIMEOUT_MS,
                                 .connections = CONNECTIONS};

    *rest = (struct rest){.control = control};
    list_init(&rest->calls);
    loop_timer_init(&rest->draining, on_draining_due);
    rest->limits = (struct command_limits){.commands = COMMANDS_MAX,
                                           .channel_name_bytes = config->channel_name_bytes,
                                           .metadata_bytes = config->metadata_bytes,
                                           .data_bytes = config->publish_bytes,
                                           .poll_limit_ms = config->poll_limit_ms};
    rest->verifier = token_verifier_new(config->jwt_secret.items, config->jwt_secret.count,
                                        TOKEN_AUDIENCE_CONTROL, config->token_leeway_ms);
    return http_server_open(control->loop, &config->control_listen, &handler, rest, &limits,
                            &rest->server);
}

void rest_close(struct rest *rest)
{
    if (!rest->control)
        return;
    http_server_close(&rest->server);
    loop_timer_stop(rest->control->loop, &rest->draining);
    token_verifier_destroy(&rest->verifier);
}

void rest_drain(struct rest *rest, void (*on_drained)(void *context))
{
    struct control *control = rest->control;
    rest->is_draining = true;
    LIST_FOR_EACH(&rest->calls, link) {
        struct rest_call *call = LIST_ENTRY(link, struct rest_call, link);
        if (call->tail)
            tail_stop(call);
    }
    loop_timer_start(control->loop, &rest->draining, control->config->control_timeout_ms);
    http_server_drain(rest->server, on_drained);
}
