#include "common/base/clock.h"
#include "common/process/metrics.h"
#include "control/control.h"

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
    rest_call_destroy(call);
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
    rest_call_destroy(call);
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

void rest_answer_not_allowed(struct rest_call *call, const char *allowed)
{
    answer_problem(call, PROBLEM_METHOD_NOT_ALLOWED, span_of(NULL, 0), "Allow", allowed);
}

void rest_answer_unauthorized(struct rest_call *call, const char *reason)
{
    struct buffer challenge = {0};

    buffer_append_format(&challenge, "Bearer error=\"invalid_token\", error_description=\"%s\"%c",
                         reason, '\0');
    if (call->is_contract)
        answer(call, 403, "text/plain", span_text("Invalid token"), "WWW-Authenticate",
               challenge.data);
    else
        answer_problem(call, PROBLEM_INVALID_TOKEN, span_text(reason), "WWW-Authenticate",
                       challenge.data);
    buffer_fini(&challenge);
}

/* The contract says what the body is, to the letter; so the reason is a header. */
void rest_answer_invalid_commands(struct rest_call *call, const char *reason)
{
    answer(call, 400, "application/json", span_text("{\"message\":\"invalid commands\"}"),
           "Problem-Detail", reason);
}
