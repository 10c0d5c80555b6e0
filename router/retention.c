#include "router/retention.h"

#include <stdio.h>

#include "common/process/log.h"
#include "router/queries.h"
#include "router/router.h"

enum { SWEEP_MS = 10 * 60 * 1000, SOON_MS = 1000, ROOM_SHARE = 10, ROW_BYTES = 1024 };
enum { LOCK_NAME_SIZE = 128 };

static void begin_soon(struct router *router)
{
    router->retention.is_due = true;
    loop_timer_start(router->loop, &router->retention.timer, SOON_MS);
}

/* What the phase of the sweep that ends here has deleted. */
static void tell_deleted(struct retention *retention)
{
    bool is_limit = retention->setting == LABEL_RETENTION_LIMIT;
    enum log_level level = is_limit ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;

    if (retention->deleted > 0 && log_is_enabled(level))
        LOG_LINE(level, "dead letters deleted, the oldest",
                 LOG_TEXT("setting", is_limit ? "DEAD_LETTER_LIMIT" : "DEAD_LETTER_KEEP"),
                 LOG_INT("letters", retention->deleted),
                 LOG_INT("waiting", retention->deleted_waiting), LOG_END);
    metric_add_label(METRIC_DEAD_LETTERS_DELETED, retention->setting, retention->deleted);
    retention->deleted = retention->deleted_waiting = 0;
}

/* Without a place in the queue to PostgreSQL the sweep ends where it is, and is begun again. */
static void ask(struct router *router, const struct database_statement *statement,
                const struct database_value *values, size_t count,
                void (*on_done)(void *context, const struct database_answer *answer))
{
    if (database_query(router->store.database, statement, values, count, on_done, router,
                       &router->retention.unit) == 0)
        return;
    tell_deleted(&router->retention);
    begin_soon(router);
}

/* ---- the lock: the session's, and lost with it ---- */

static void ask_lock(struct router *router, const struct database_statement *statement,
                     void (*on_done)(void *context, const struct database_answer *answer))
{
    char name[LOCK_NAME_SIZE];

    snprintf(name, sizeof name, "%s dead letters", router->config->stack_name);
    const struct database_value value = database_text(span_text(name));
    ask(router, statement, &value, 1, on_done);
}

static void on_unlocked(void *context, const struct database_answer *answer)
{
    struct router *router = context;
    struct retention *retention = &router->retention;

    retention->unit = NULL;
    if (answer->kind == DATABASE_DONE || answer->kind == DATABASE_LOST)
        retention->is_locked = false;
}

static void end_sweep(struct router *router)
{
    ask_lock(router, &query_unlock, on_unlocked);
}

/* True when the step worked; otherwise the sweep is over. */
static bool step_worked(struct router *router, const struct database_answer *answer)
{
    static struct log_limit limit;

    router->retention.unit = NULL;
    if (answer->kind == DATABASE_DONE)
        return true;
    tell_deleted(&router->retention);
    if (answer->kind == DATABASE_LOST) {
        router->retention.is_locked = false;
        return false;
    }
    log_limited(&limit, LOG_LEVEL_WARNING, "dead letters not swept",
                LOG_TEXT("error", answer->message));
    end_sweep(router);
    return false;
}

static void count_deleted(struct retention *retention, const struct database_answer *answer)
{
    retention->deleted += database_cell_integer(answer, 0, 0, 0, 0);
    retention->deleted_waiting += database_cell_integer(answer, 0, 0, 1, 0);
}

/* ---- what is too much ---- */

static void delete_excess(struct router *router);

static void on_excess_deleted(void *context, const struct database_answer *answer)
{
    struct router *router = context;
    struct retention *retention = &router->retention;

    if (!step_worked(router, answer))
        return;
    count_deleted(retention, answer);
    retention->excess_bytes -= database_cell_integer(answer, 0, 0, 2, 0);
    if (retention->excess_bytes > 0 && database_cell_integer(answer, 0, 0, 0, 0) > 0) {
        delete_excess(router);
        return;
    }
    tell_deleted(retention);
    end_sweep(router);
}

static void delete_excess(struct router *router)
{
    char excess[DATABASE_NUMBER_SIZE];
    const struct database_value value = database_integer(router->retention.excess_bytes, excess);

    ask(router, &query_delete_excess_letters, &value, 1, on_excess_deleted);
}

/* ---- measuring ---- */

static void on_all_measured(struct router *router)
{
    struct retention *retention = &router->retention;

    retention->written_bytes = 0;
    if (retention->excess_bytes <= 0) {
        end_sweep(router);
        return;
    }
    retention->setting = LABEL_RETENTION_LIMIT;
    retention->excess_bytes += (int64_t)router->config->dead_letter_limit_bytes / ROOM_SHARE;
    delete_excess(router);
}

static void measure_behind(struct router *router, struct span created_at, struct span id);

static void on_measured(void *context, const struct database_answer *answer)
{
    struct router *router = context;

    if (!step_worked(router, answer))
        return;
    if (database_rows(answer, 0) == 0) {
        on_all_measured(router);
        return;
    }
    router->retention.excess_bytes += database_cell_integer(answer, 0, 0, 0, 0);
    measure_behind(router, database_cell(answer, 0, 0, 1), database_cell(answer, 0, 0, 2));
}

/* In steps: to read all keys may take longer than a statement may. */
static void measure_behind(struct router *router, struct span created_at, struct span id)
{
    const struct database_value key[] = {database_text(created_at), database_text(id)};

    ask(router, &query_dead_letter_bytes, key, 2, on_measured);
}

static void measure(struct router *router)
{
    router->retention.excess_bytes = -(int64_t)router->config->dead_letter_limit_bytes;
    if (router->config->dead_letter_limit_bytes > 0)
        measure_behind(router, span_text("-infinity"), span_text("0"));
    else
        end_sweep(router);
}

/* ---- what is too old ---- */

static void delete_old(struct router *router);

static void on_old_deleted(void *context, const struct database_answer *answer)
{
    struct router *router = context;

    if (!step_worked(router, answer))
        return;
    count_deleted(&router->retention, answer);
    if (database_cell_integer(answer, 0, 0, 0, 0) > 0) {
        delete_old(router);
        return;
    }
    tell_deleted(&router->retention);
    measure(router);
}

static void delete_old(struct router *router)
{
    char keep[DATABASE_NUMBER_SIZE];
    const struct database_value value = database_integer(router->config->dead_letter_keep_ms, keep);

    ask(router, &query_delete_old_letters, &value, 1, on_old_deleted);
}

static void begin_sweep(struct router *router)
{
    router->retention.setting = LABEL_RETENTION_KEEP;
    if (router->config->dead_letter_keep_ms > 0)
        delete_old(router);
    else
        measure(router);
}

/* ---- the sweep ---- */

static void on_locked(void *context, const struct database_answer *answer)
{
    struct router *router = context;

    struct retention *retention = &router->retention;

    retention->unit = NULL;
    retention->is_locked =
        answer->kind == DATABASE_DONE && span_is(database_cell(answer, 0, 0, 0), "t");
    if (retention->is_locked)
        begin_sweep(router);
}

static void on_timer(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, retention.timer);
    struct retention *retention = &router->retention;

    retention->is_due = false;
    if (!store_is_ready(router))
        return;
    loop_timer_start(router->loop, timer, SWEEP_MS);
    if (retention->unit)
        return;
    if (retention->is_locked)
        begin_sweep(router);
    else
        ask_lock(router, &query_try_lock, on_locked);
}

void retention_init(struct retention *retention)
{
    loop_timer_init(&retention->timer, on_timer);
}

void retention_fini(struct router *router)
{
    loop_timer_stop(router->loop, &router->retention.timer);
}

void retention_on_database_ready(struct router *router)
{
    router->retention.is_locked = false; /* it was the last session's */
    loop_timer_start(router->loop, &router->retention.timer, 0);
}

void retention_count(struct router *router, size_t bytes)
{
    struct retention *retention = &router->retention;
    int64_t limit = (int64_t)router->config->dead_letter_limit_bytes;

    retention->written_bytes += (int64_t)bytes + ROW_BYTES;
    if (limit == 0 || retention->is_due || retention->written_bytes < limit / ROOM_SHARE)
        return;
    begin_soon(router);
}
