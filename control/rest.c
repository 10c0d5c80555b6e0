#include "control/rest.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "control/control.h"

enum {
    HEADER_BYTES = 32768,
    CONNECTIONS = 10000,
    CLIENT_TIMEOUT_MS = 60000,
    LAST_ANSWERS_MS = 2000,
    COMMANDS_MAX = 10000
};

/* ---- what is in flight ---- */

size_t rest_in_flight_bytes(const struct rest *rest)
{
    return rest->control->requests.rest_bytes + rest->arriving_bytes;
}

bool rest_has_room(const struct rest_call *call, size_t bytes)
{
    const struct rest *rest = call->rest;
    size_t others = rest_in_flight_bytes(rest) - call->arriving_bytes;
    return others == 0 || others + bytes <= rest->control->config->control_inflight_bytes;
}

static void set_arriving(struct rest_call *call, size_t bytes)
{
    call->rest->arriving_bytes += bytes - call->arriving_bytes;
    call->arriving_bytes = bytes;
}

/* ---- calls ---- */

void rest_call_destroy(struct rest_call *call)
{
    set_arriving(call, 0);
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

static void on_call_due(struct loop_timer *timer)
{
    struct rest_call *call = CONTAINER_OF(timer, struct rest_call, timer);
    rest_answer_problem(call, PROBLEM_NOT_APPLIED, span_of(NULL, 0));
}

static struct rest_call *new_call(struct rest *rest, struct http_request *http)
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
    return call;
}

/* ---- a request comes ---- */

static void on_arriving(void *context, struct http_request *http, size_t body_bytes)
{
    struct rest_call *call = http_request_context(http);

    if (!call) {
        call = new_call(context, http);
        if (!rest_open_call(call))
            return;
    }
    if (body_bytes == 0 || rest_has_room(call, body_bytes))
        set_arriving(call, body_bytes);
    else
        rest_answer_problem(call, PROBLEM_OVERLOADED, span_of(NULL, 0));
}

/* From here on the commands are counted that come of the body. */
static void handle(struct rest_call *call)
{
    set_arriving(call, 0);
    call->started_us = clock_monotonic_us();
    call->handle(call);
}

static void on_request(void *context, struct http_request *http)
{
    (void)context;
    handle(http_request_context(http));
}

void rest_handle(struct rest *rest, struct http_request *http)
{
    struct rest_call *call = new_call(rest, http);

    if (rest_open_call(call))
        handle(call);
}

void rest_gone(struct http_request *http)
{
    struct rest_call *call = http_request_context(http);
    if (call)
        rest_call_destroy(call);
}

static void on_gone(void *context, struct http_request *http)
{
    (void)context;
    rest_gone(http);
}

/* ---- life ---- */

static void on_last_answers_due(struct loop_timer *timer)
{
    http_server_cut(CONTAINER_OF(timer, struct rest, last_answers)->server);
}

/* Whose request has not come in whole by now is cut: an answer would have to wait for the rest. */
static void on_draining_due(struct loop_timer *timer)
{
    struct rest *rest = CONTAINER_OF(timer, struct rest, draining);
    http_server_cut_arriving(rest->server);
    LIST_FOR_EACH(&rest->calls, link) {
        rest_answer_problem(LIST_ENTRY(link, struct rest_call, link), PROBLEM_NOT_APPLIED,
                            span_of(NULL, 0));
    }
    loop_timer_start(rest->control->loop, &rest->last_answers, LAST_ANSWERS_MS);
}

int rest_open(struct rest *rest, struct control *control)
{
    const struct config *config = control->config;
    struct http_handler handler = {
        .on_arriving = on_arriving, .on_request = on_request, .on_gone = on_gone};
    struct http_limits limits = {.body_bytes = config->control_body_bytes,
                                 .header_bytes = HEADER_BYTES,
                                 .timeout_ms = CLIENT_TIMEOUT_MS,
                                 .connections = CONNECTIONS,
                                 .body_setting = "CONTROL_BODY_LIMIT"};

    *rest = (struct rest){.control = control};
    list_init(&rest->calls);
    loop_timer_init(&rest->draining, on_draining_due);
    loop_timer_init(&rest->last_answers, on_last_answers_due);
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
    loop_timer_stop(rest->control->loop, &rest->last_answers);
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
