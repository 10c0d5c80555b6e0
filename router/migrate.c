#include "router/migrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/process/log.h"
#include "router/queries.h"

enum { LOCK_RETRY_MS = 100, REASON_BYTES = 256 };

/* ---- how it ends ---- */

static void end(struct migration_run *run, enum migration_end how, const char *reason)
{
    migration_run_stop(run);
    run->on_end(run->context, how, reason);
}

/* True when the step worked; otherwise the run is over, or the session is. */
static bool step_worked(struct migration_run *run, const struct database_answer *answer)
{
    if (answer->kind == DATABASE_DONE)
        return true;
    if (answer->kind != DATABASE_LOST)
        end(run, MIGRATION_FAILED, answer->message);
    return false;
}

static void submit(struct migration_run *run, struct database_unit *unit)
{
    if (database_submit_setup(run->database, &unit) < 0)
        end(run, MIGRATION_FAILED, "the session does not take statements");
    database_unit_destroy(&unit);
}

static void ask(struct migration_run *run, const struct database_statement *statement,
                void (*on_done)(void *context, const struct database_answer *answer))
{
    const struct database_value schema = database_text(span_text(run->schema));
    struct database_unit *unit = database_unit_new(on_done, run);

    database_unit_add(unit, statement, &schema, statement == &query_version ? 0 : 1);
    submit(run, unit);
}

/* ---- unlocking ---- */

static void on_unlocked(void *context, const struct database_answer *answer)
{
    if (step_worked(context, answer))
        end(context, MIGRATION_DONE, "");
}

/* ---- applying ---- */

static void on_applied(void *context, const struct database_answer *answer)
{
    struct migration_run *run = context;

    run->is_applying = false;
    if (step_worked(run, answer))
        ask(run, &query_unlock, on_unlocked);
}

static void add_migration(struct database_unit *unit, const struct migration *migration)
{
    char version[DATABASE_NUMBER_SIZE];
    const struct database_value values[] = {
        database_integer(migration->version, version),
        database_text(span_text(migration->name)),
    };

    database_unit_add(unit, &migration->statement, NULL, 0);
    database_unit_add(unit, &query_migrated, values, 2);
}

static void apply_from(struct migration_run *run, int64_t version)
{
    struct database_unit *unit = database_unit_new(on_applied, run);

    run->is_applying = true;
    log_info("migrating the schema", LOG_TEXT("schema", run->schema), LOG_INT("from", version),
             LOG_UINT("to", migration_count));
    database_unit_set_patient(unit);
    database_unit_add(unit, &query_limit_lock_waits, NULL, 0);
    for (size_t i = (size_t)version; i < migration_count; i++) {
        add_migration(unit, &migrations[i]);
        run->applied++;
    }
    submit(run, unit);
}

static void on_version(void *context, const struct database_answer *answer)
{
    struct migration_run *run = context;
    char reason[REASON_BYTES];

    if (!step_worked(run, answer))
        return;
    int64_t version = database_cell_integer(answer, 0, 0, 0, 0);
    if (version > (int64_t)migration_count) {
        snprintf(reason, sizeof reason,
                 "the schema is at version %" PRId64 ", this program knows %zu: start a newer one",
                 version, migration_count);
        end(run, MIGRATION_NEWER, reason);
    } else if (version == (int64_t)migration_count) {
        ask(run, &query_unlock, on_unlocked);
    } else {
        apply_from(run, version);
    }
}

/* ---- the schema ---- */

static void on_schema_created(void *context, const struct database_answer *answer)
{
    if (step_worked(context, answer))
        apply_from(context, 0);
}

/* An identifier cannot be a parameter. */
static void quote_identifier(struct buffer *buffer, const char *name)
{
    buffer_append_byte(buffer, '"');
    for (; *name; name++) {
        if (*name == '"')
            buffer_append_byte(buffer, '"');
        buffer_append_byte(buffer, *name);
    }
    buffer_append_byte(buffer, '"');
}

static void create_schema(struct migration_run *run)
{
    struct database_unit *unit = database_unit_new(on_schema_created, run);
    struct buffer sql = {0};

    buffer_append_text(&sql, "create schema ");
    quote_identifier(&sql, run->schema);
    free(run->create_sql);
    run->create_sql = buffer_take(&sql);
    run->create_schema = (struct database_statement){.name = NULL, .sql = run->create_sql};
    database_unit_add(unit, &run->create_schema, NULL, 0);
    submit(run, unit);
}

static bool is_true(const struct database_answer *answer, size_t column)
{
    return span_is(database_cell(answer, 0, 0, column), "t");
}

static void on_schema(void *context, const struct database_answer *answer)
{
    struct migration_run *run = context;

    if (!step_worked(run, answer))
        return;
    if (!is_true(answer, 0))
        create_schema(run);
    else if (!is_true(answer, 1))
        apply_from(run, 0);
    else
        ask(run, &query_version, on_version);
}

/* ---- the lock ---- */

static void on_lock(void *context, const struct database_answer *answer)
{
    struct migration_run *run = context;

    if (!step_worked(run, answer))
        return;
    if (is_true(answer, 0))
        ask(run, &query_schema_is, on_schema);
    else
        loop_timer_start(run->loop, &run->lock_timer, LOCK_RETRY_MS);
}

static void on_lock_timer(struct loop_timer *timer)
{
    ask(CONTAINER_OF(timer, struct migration_run, lock_timer), &query_try_lock, on_lock);
}

/* ---- the interface ---- */

void migration_run_init(struct migration_run *run, struct loop *loop, const char *schema,
                        void (*on_end)(void *context, enum migration_end end, const char *reason),
                        void *context)
{
    *run = (struct migration_run){
        .loop = loop, .schema = schema, .on_end = on_end, .context = context};
    loop_timer_init(&run->lock_timer, on_lock_timer);
}

void migration_run_start(struct migration_run *run, struct database *database)
{
    run->database = database;
    run->applied = 0;
    ask(run, &query_try_lock, on_lock);
}

void migration_run_stop(struct migration_run *run)
{
    loop_timer_stop(run->loop, &run->lock_timer);
    run->is_applying = false;
}

void migration_run_fini(struct migration_run *run)
{
    migration_run_stop(run);
    free(run->create_sql);
    run->create_sql = NULL;
}
