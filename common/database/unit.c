#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/database/internal.h"

/* Asked for durability, a unit gets at least what the server was set to. */
static const struct database_statement synchronous_statement = {
    "database_synchronous",
    "select set_config('synchronous_commit',"
    " case when $1 = 'off' then 'off' when reset_val = 'off' then 'on' else reset_val end, true)"
    " from pg_settings where name = 'synchronous_commit'"};

static const struct database_statement patient_statement = {
    "database_patient", "select set_config('statement_timeout', '0', true)"};

struct database_unit *database_unit_new(void (*on_done)(void *context,
                                                        const struct database_answer *answer),
                                        void *context)
{
    struct database_unit *unit = xcalloc(1, sizeof *unit);

    list_init(&unit->link);
    unit->on_done = on_done;
    unit->context = context;
    unit->bytes = sizeof *unit;
    return unit;
}

void database_unit_free(struct database_unit *unit)
{
    for (size_t i = 0; i < unit->step_count; i++)
        PQclear(unit->steps[i].result);
    free(unit->steps);
    buffer_fini(&unit->text);
    free(unit);
}

void database_unit_destroy(struct database_unit **unit)
{
    if (*unit) {
        ASSERT(!list_is_linked(&(*unit)->link));
        database_unit_free(*unit);
    }
    *unit = NULL;
}

static size_t copy_value(struct buffer *text, struct database_value value)
{
    size_t offset = text->length;

    if (!value.text.data)
        return SIZE_MAX;
    buffer_append_span(text, value.text);
    buffer_append_byte(text, '\0');
    return offset;
}

void database_unit_add(struct database_unit *unit, const struct database_statement *statement,
                       const struct database_value *values, size_t count)
{
    ASSERT(count <= DATABASE_VALUES_MAX && unit->step_count < DATABASE_STEPS_MAX);
    size_t text_before = unit->text.length;

    unit->steps = xrealloc(unit->steps, (unit->step_count + 1) * sizeof *unit->steps);
    struct database_step *step = &unit->steps[unit->step_count++];
    *step = (struct database_step){.statement = statement, .count = count};
    for (size_t i = 0; i < count; i++)
        step->offsets[i] = copy_value(&unit->text, values[i]);
    unit->bytes += sizeof *step + unit->text.length - text_before;
    if (!statement->name)
        unit->bytes += strlen(statement->sql);
}

void database_unit_set_synchronous(struct database_unit *unit, bool is_synchronous)
{
    struct database_value value = database_text(span_text(is_synchronous ? "on" : "off"));

    ASSERT(unit->step_count == 0);
    database_unit_add(unit, &synchronous_statement, &value, 1);
    unit->has_options = true;
}

void database_unit_set_patient(struct database_unit *unit)
{
    ASSERT(unit->step_count == 0);
    database_unit_add(unit, &patient_statement, NULL, 0);
    unit->has_options = true;
    unit->is_patient = true;
}

void database_forget(struct database_unit *unit)
{
    unit->on_done = NULL;
}

void database_unit_answer(struct database_unit *unit, enum database_kind kind)
{
    struct database_answer answer = {
        .kind = kind,
        .message = kind == DATABASE_DONE ? "" : unit->failure.message,
        .unit = unit,
    };

    if (kind != DATABASE_DONE)
        memcpy(answer.sqlstate, unit->failure.sqlstate, sizeof answer.sqlstate);
    if (unit->on_done)
        unit->on_done(unit->context, &answer);
}

static PGresult *result_of(const struct database_answer *answer, size_t statement)
{
    size_t step = statement + (answer->unit->has_options ? 1 : 0);

    ASSERT(answer->kind == DATABASE_DONE && step < answer->unit->step_count);
    return answer->unit->steps[step].result;
}

size_t database_rows(const struct database_answer *answer, size_t statement)
{
    return (size_t)PQntuples(result_of(answer, statement));
}

uint64_t database_affected(const struct database_answer *answer, size_t statement)
{
    return strtoull(PQcmdTuples(result_of(answer, statement)), NULL, 10);
}

struct span database_cell(const struct database_answer *answer, size_t statement, size_t row,
                          size_t column)
{
    const PGresult *result = result_of(answer, statement);

    ASSERT(row < (size_t)PQntuples(result) && column < (size_t)PQnfields(result));
    if (PQgetisnull(result, (int)row, (int)column))
        return (struct span){0};
    return span_of(PQgetvalue(result, (int)row, (int)column),
                   (size_t)PQgetlength(result, (int)row, (int)column));
}

int64_t database_cell_integer(const struct database_answer *answer, size_t statement, size_t row,
                              size_t column, int64_t standard)
{
    struct span text = database_cell(answer, statement, row, column);
    char *end = NULL;

    if (text.length == 0)
        return standard;
    errno = 0;
    long long value = strtoll(text.data, &end, 10); /* libpq ends a value with NUL */
    return errno == 0 && end == text.data + text.length ? value : standard;
}

struct database_value database_integer(int64_t value, char text[DATABASE_NUMBER_SIZE])
{
    int length = snprintf(text, DATABASE_NUMBER_SIZE, "%" PRId64, value);

    return database_text(span_of(text, (size_t)length));
}
