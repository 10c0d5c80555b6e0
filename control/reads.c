#include "control/reads.h"

#include <inttypes.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "control/control.h"

static void answer_failure(struct rest_call *call, const struct database_answer *answer)
{
    static struct log_limit limit;

    metric_add(METRIC_DATABASE_FAILURES, 1);
    log_limited(&limit, LOG_LEVEL_WARNING, "a read failed", LOG_TEXT("sqlstate", answer->sqlstate),
                LOG_TEXT("reason", answer->message));
    switch (answer->kind) {
    case DATABASE_BAD_DATA:
        rest_answer_problem(call, PROBLEM_INVALID_PARAMETER,
                            span_text("PostgreSQL cannot hold that value"));
        break;
    case DATABASE_LOST:
    case DATABASE_BUSY:
    case DATABASE_BROKEN:
        rest_answer_problem(call, PROBLEM_DATABASE_AWAY, span_of(NULL, 0));
        break;
    case DATABASE_DONE:
        break;
    }
}

static void on_page(void *context, const struct database_answer *answer)
{
    struct rest_call *call = context;
    struct buffer body = {0};

    call->unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        answer_failure(call, answer);
        return;
    }
    page_append(call->page_limit, answer, &body);
    rest_answer_json(call, 200, buffer_span(&body));
    buffer_fini(&body);
}

static void on_row(void *context, const struct database_answer *answer)
{
    struct rest_call *call = context;

    call->unit = NULL;
    if (answer->kind != DATABASE_DONE)
        answer_failure(call, answer);
    else if (database_rows(answer, 0) == 0)
        rest_answer_problem(call, call->none, span_of(NULL, 0));
    else
        rest_answer_json(call, 200, database_cell(answer, 0, 0, 0));
}

static void read_rows(struct rest_call *call, const struct database_statement *statement,
                      const struct database_value *values, size_t count,
                      void (*on_done)(void *, const struct database_answer *))
{
    struct database *database = call->rest->control->database;

    if (database_query(database, statement, values, count, on_done, call, &call->unit) < 0) {
        call->unit = NULL;
        rest_answer_problem(call, PROBLEM_DATABASE_AWAY, span_of(NULL, 0));
    }
}

void read_one(struct rest_call *call, const struct database_statement *statement,
              const struct database_value *values, size_t count, enum problem none)
{
    call->none = none;
    read_rows(call, statement, values, count, on_row);
}

void read_page(struct rest_call *call, const struct page *page,
               const struct database_statement *statement, const struct database_value *values,
               size_t count)
{
    call->page_limit = page->limit;
    read_rows(call, statement, values, count, on_page);
}

/* ---- writes ---- */

enum { ANSWER_CHANGED, ANSWER_EXISTS };

static void on_written(void *context, const struct database_answer *answer)
{
    struct rest_call *call = context;

    call->unit = NULL;
    if (answer->kind != DATABASE_DONE)
        answer_failure(call, answer);
    else if (database_rows(answer, ANSWER_CHANGED) == 0)
        rest_answer_problem(call,
                            database_rows(answer, ANSWER_EXISTS) > 0 ? call->conflict : call->none,
                            span_of(NULL, 0));
    else if (call->status == 202)
        rest_answer_accepted(call, database_cell(answer, ANSWER_CHANGED, 0, 0), call->location);
    else
        rest_answer_empty(call);
}

void write_one(struct rest_call *call, const struct write *write)
{
    struct database_unit *unit = database_unit_new(on_written, call);
    struct database_unit *sent = unit;

    call->status = write->status;
    call->none = write->none;
    call->conflict = write->conflict;
    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, write->statement, &write->key, 1);
    database_unit_add(unit, write->exists, &write->key, 1);
    if (database_submit(call->rest->control->database, &unit) == 0) {
        call->unit = sent;
        return;
    }
    database_unit_destroy(&unit);
    rest_answer_problem(call, PROBLEM_DATABASE_AWAY, span_of(NULL, 0));
}

/* ---- parameters ---- */

bool read_filter(struct rest_call *call, const char *name, struct database_value *ret_value)
{
    struct span text;

    *ret_value = DATABASE_NULL;
    if (!http_target_parameter(http_request_target(call->http), name, &text))
        return true;
    const char *reason = rules_check_channel(text, PAGE_KEY_BYTES);
    if (reason) {
        rest_answer_invalid(call, PROBLEM_INVALID_PARAMETER, name, reason);
        return false;
    }
    *ret_value = database_text(text);
    return true;
}

bool read_state(struct rest_call *call, const char *const *states, const char *reason,
                struct database_value *ret_value)
{
    struct span text;

    *ret_value = DATABASE_NULL;
    if (!http_target_parameter(http_request_target(call->http), "state", &text))
        return true;
    for (; *states; states++) {
        if (span_is(text, *states)) {
            *ret_value = database_text(text);
            return true;
        }
    }
    rest_answer_invalid(call, PROBLEM_INVALID_PARAMETER, "state", reason);
    return false;
}

bool read_page_parameters(struct rest_call *call, struct page *ret_page)
{
    uint64_t maximum = call->rest->control->config->page_limit;
    const char *field;
    const char *reason = page_parse(http_request_target(call->http), maximum, ret_page, &field);
    struct buffer detail = {0};

    if (!reason)
        return true;
    buffer_append_format(&detail, "%s %s", field, reason);
    if (strcmp(field, "limit") == 0)
        buffer_append_format(&detail, ": at most %" PRIu64 ", PAGE_LIMIT", maximum);
    rest_answer_problem(call, PROBLEM_INVALID_PARAMETER, buffer_span(&detail));
    buffer_fini(&detail);
    return false;
}
