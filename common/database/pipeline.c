#include <errno.h>
#include <stdlib.h>

#include "common/database/internal.h"

/* ---- sending ---- */

static bool is_prepared(const struct database *database, const struct database_statement *statement)
{
    for (size_t i = 0; i < database->prepared_count; i++) {
        if (database->prepared[i] == statement)
            return true;
    }
    return false;
}

static void forget_prepared(struct database *database, const struct database_statement *statement)
{
    for (size_t i = 0; i < database->prepared_count; i++) {
        if (database->prepared[i] == statement)
            database->prepared[i--] = database->prepared[--database->prepared_count];
    }
}

void pipeline_reset(struct database *database)
{
    database->prepared_count = 0;
    database->prepare_failure = (struct database_failure){0};
}

static void put_in_flight(struct database *database, struct database_unit *unit)
{
    list_append(&database->in_flight, &unit->link);
    database->queued_bytes += unit->bytes;
    database->queued_units++;
}

static bool send_sync(struct database *database, struct database_unit *unit)
{
    put_in_flight(database, unit);
    return PQpipelineSync(database->session) == 1;
}

static bool prepare(struct database *database, const struct database_statement *statement)
{
    struct database_unit *unit = database_unit_new(NULL, NULL);

    database_unit_add(unit, statement, NULL, 0);
    unit->prepares = statement;
    ASSERT(database->prepared_count < DATABASE_PREPARED_MAX);
    database->prepared[database->prepared_count++] = statement;
    bool sent = PQsendPrepare(database->session, statement->name, statement->sql, 0, NULL) == 1;
    return send_sync(database, unit) && sent;
}

static bool prepare_missing(struct database *database, const struct database_unit *unit)
{
    for (size_t i = 0; i < unit->step_count; i++) {
        const struct database_statement *statement = unit->steps[i].statement;
        if (statement->name && !is_prepared(database, statement) && !prepare(database, statement))
            return false;
    }
    return true;
}

static bool send_step(PGconn *session, const struct database_unit *unit,
                      const struct database_step *step)
{
    const char *values[DATABASE_VALUES_MAX];
    int count = (int)step->count;

    for (size_t i = 0; i < step->count; i++)
        values[i] = step->offsets[i] == SIZE_MAX ? NULL : unit->text.data + step->offsets[i];
    if (step->statement->name)
        return PQsendQueryPrepared(session, step->statement->name, count, values, NULL, NULL, 0) ==
               1;
    return PQsendQueryParams(session, step->statement->sql, count, NULL, values, NULL, NULL, 0) ==
           1;
}

void pipeline_send(struct database *database, struct database_unit *unit)
{
    bool was_idle = list_is_empty(&database->in_flight);
    bool sent = prepare_missing(database, unit);

    for (size_t i = 0; sent && i < unit->step_count; i++)
        sent = send_step(database->session, unit, &unit->steps[i]);
    /* The unit is in flight even when it could not be sent: it is answered with the others. */
    if (!send_sync(database, unit) || !sent)
        database_end(database, PQerrorMessage(database->session));
    buffer_fini(&unit->text);
    pipeline_flush(database);
    /* Else a server that is frozen would be waited for as long as somebody asks it. */
    if (was_idle)
        database_watch(database);
}

void pipeline_flush(struct database *database)
{
    if (database->source.fd < 0)
        return;
    int left = PQflush(database->session);

    if (left < 0)
        database_end(database, PQerrorMessage(database->session));
    loop_modify(database->loop, &database->source, left == 1 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- receiving ---- */

static enum database_kind kind_of(const char *sqlstate)
{
    static const char bad_data[][3] = {"22", "23", "54"};
    static const char busy[][3] = {"40", "53", "55", "57", "58"};

    for (size_t i = 0; i < ARRAY_LENGTH(bad_data); i++) {
        if (strncmp(sqlstate, bad_data[i], 2) == 0)
            return DATABASE_BAD_DATA;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(busy); i++) {
        if (strncmp(sqlstate, busy[i], 2) == 0)
            return DATABASE_BUSY;
    }
    return DATABASE_BROKEN;
}

/* Only the primary message: details may quote a row. */
static void note_failure(struct database_unit *unit, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (unit->failure.sqlstate[0])
        return;
    memcpy(unit->failure.sqlstate, sqlstate && strlen(sqlstate) == 5 ? sqlstate : "XX000", 6);
    database_line(unit->failure.message, message ? message : PQresultErrorMessage(result));
}

static void forget_statements(struct database *database, const struct database_unit *unit)
{
    for (size_t i = 0; i < unit->step_count; i++)
        forget_prepared(database, unit->steps[i].statement);
}

/* A statement that could not be prepared shows in the units that use it; they say why. */
static void settle_prepared(struct database *database, struct database_unit *unit)
{
    if (!unit->failure.sqlstate[0])
        return;
    if (unit->prepares) {
        forget_statements(database, unit);
        database->prepare_failure = unit->failure;
    } else if (strcmp(unit->failure.sqlstate, "26000") == 0) {
        forget_statements(database, unit);
        if (database->prepare_failure.sqlstate[0])
            unit->failure = database->prepare_failure;
    }
}

static void take_off(struct database *database, struct database_unit *unit)
{
    list_remove(&unit->link);
    database->queued_bytes -= unit->bytes;
    database->queued_units--;
}

static void finish_unit(struct database *database, struct database_unit *unit)
{
    take_off(database, unit);
    settle_prepared(database, unit);
    database_unit_answer(unit, unit->failure.sqlstate[0] ? kind_of(unit->failure.sqlstate)
                                                         : DATABASE_DONE);
    database_unit_free(unit);
}

static void take_result(struct database *database, struct database_unit *unit, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        finish_unit(database, unit);
    } else if ((status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) &&
               unit->step_at < unit->step_count) {
        unit->steps[unit->step_at++].result = result;
    } else {
        if (status != PGRES_PIPELINE_ABORTED)
            note_failure(unit, result);
        PQclear(result);
    }
}

int pipeline_receive(struct database *database)
{
    if (PQconsumeInput(database->session) == 0)
        return -ECONNRESET;
    struct database_unit *unit;
    while ((unit = LIST_FIRST(&database->in_flight, struct database_unit, link)) &&
           !PQisBusy(database->session)) {
        PGresult *result = PQgetResult(database->session);
        if (result)
            take_result(database, unit, result);
        else if (PQstatus(database->session) == CONNECTION_BAD)
            return -ECONNRESET;
    }
    return PQstatus(database->session) == CONNECTION_OK ? 0 : -ECONNRESET;
}

void pipeline_abandon(struct database *database)
{
    struct database_unit *unit;

    while ((unit = LIST_FIRST(&database->in_flight, struct database_unit, link))) {
        take_off(database, unit);
        if (!unit->failure.sqlstate[0])
            memcpy(unit->failure.message, database->reason, sizeof database->reason);
        database_unit_answer(unit, DATABASE_LOST);
        database_unit_free(unit);
    }
}
