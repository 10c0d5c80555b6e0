#include "control/status.h"

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "control/queries.h"

void status_init(struct status *status, struct loop *loop, struct database *database)
{
    *status = (struct status){.loop = loop, .database = database};
    list_init(&status->calls);
}

void status_fini(struct status *status)
{
    if (status->unit)
        database_forget(status->unit);
    status->unit = NULL;
    buffer_fini(&status->body);
}

static void answer_all(struct status *status, bool is_known)
{
    while (!list_is_empty(&status->calls)) {
        struct rest_call *call = LIST_FIRST(&status->calls, struct rest_call, in_round);
        list_remove(&call->in_round);
        if (is_known)
            rest_answer_json(call, 200, buffer_span(&status->body));
        else
            rest_answer_problem(call, PROBLEM_DATABASE_AWAY, span_of(NULL, 0));
    }
}

static void on_answer(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct status *status = context;
    bool is_known = answer->kind == DATABASE_DONE;

    status->unit = NULL;
    buffer_clear(&status->body);
    if (is_known) {
        buffer_append_span(&status->body, database_cell(answer, 0, 0, 0));
        status->answered_ms = loop_now_ms(status->loop);
    } else {
        metric_add(METRIC_DATABASE_FAILURES, 1);
        log_limited(&limit, LOG_LEVEL_WARNING, "the status was not read",
                    LOG_TEXT("sqlstate", answer->sqlstate), LOG_TEXT("reason", answer->message));
    }
    answer_all(status, is_known);
}

/* Not while PostgreSQL is away: that shall be seen. */
static bool is_fresh(const struct status *status)
{
    return status->body.length > 0 && database_is_ready(status->database) &&
           loop_now_ms(status->loop) - status->answered_ms < STATUS_KEEP_MS;
}

void status_ask(struct status *status, struct rest_call *call)
{
    list_append(&status->calls, &call->in_round);
    if (is_fresh(status))
        answer_all(status, true);
    else if (!status->unit && database_query(status->database, &query_status, NULL, 0, on_answer,
                                             status, &status->unit) < 0)
        answer_all(status, false);
}
