/* What the files of this folder share: the structure of a session and of a unit. Nobody else
 * includes it.
 *
 *     database ─ in_flight ▶ unit ▶ unit ▶ unit      sent, in the order of their answers
 *                             │
 *                             ├ steps[]    statement, where its values stand in `text`
 *                             └ results[]  one for each step, kept until the unit's sync
 *
 * A unit on the wire is its statements and one sync. A statement that the session has not prepared
 * goes ahead as a unit of its own (`prepares`), so that an error in the first unit that uses it
 * does not leave it unprepared for the next.
 */
#ifndef SLIP_DATABASE_INTERNAL_H
#define SLIP_DATABASE_INTERNAL_H

#include <libpq-fe.h>

#include "common/base/buffer.h"
#include "common/database/database.h"
#include "common/database/hosts.h"

enum { DATABASE_STEPS_MAX = 32, DATABASE_PREPARED_MAX = 128, DATABASE_MESSAGE_SIZE = 256 };

struct database_step {
    const struct database_statement *statement;
    size_t offsets[DATABASE_VALUES_MAX]; /* into the unit's text; SIZE_MAX is null */
    size_t count;
    PGresult *result;
};

struct database_failure {
    char sqlstate[6]; /* empty: none */
    char message[DATABASE_MESSAGE_SIZE];
};

struct database_unit {
    struct list link;
    void (*on_done)(void *context, const struct database_answer *answer);
    void *context;
    struct buffer text;
    struct database_step *steps;
    size_t step_count;
    size_t step_at;   /* whose result comes next */
    bool has_options; /* the first step is ours: hidden from the caller */
    bool is_patient;  /* no limit of time while its answer is the next */
    const struct database_statement *prepares;
    struct database_failure failure;
    size_t bytes;
};

struct database {
    struct loop *loop;
    struct database_options options; /* its strings are these: */
    char *url, *password, *application_name, *schema;
    enum database_state state;
    struct hosts hosts;
    PGconn *session; /* from CONNECTING on, when the hosts are known */
    struct loop_source source;
    struct loop_timer timer; /* the pause, the attempt's limit, or the answer's, by state */
    struct loop_deferred ending;
    struct list in_flight;
    size_t queued_bytes;
    size_t queued_units;
    unsigned int failed_attempts;
    const struct database_statement *prepared[DATABASE_PREPARED_MAX];
    size_t prepared_count;
    struct database_failure prepare_failure; /* the last statement that could not be prepared */
    char reason[DATABASE_MESSAGE_SIZE];      /* why the session is about to end */
};

/* ---- unit.c ---- */

void database_unit_free(struct database_unit *unit);
void database_unit_answer(struct database_unit *unit, enum database_kind kind);

/* ---- pipeline.c ---- */

/* Sends a unit and puts it in flight. What fails in it ends the session at the end of the turn. */
void pipeline_send(struct database *database, struct database_unit *unit);

/* Takes in what has arrived and answers the units that are complete. 0, or -ECONNRESET. */
MUST_USE
int pipeline_receive(struct database *database);

/* Pushes what is not sent, and waits for the descriptor as needed. */
void pipeline_flush(struct database *database);

/* Answers everything in flight with DATABASE_LOST. */
void pipeline_abandon(struct database *database);

/* Forgets what was prepared: another session begins. */
void pipeline_reset(struct database *database);

/* ---- database.c ---- */

/* The session ends at the end of the turn, for this reason (cut, made one line). */
void database_end(struct database *database, const char *reason);

/* An answer is owed where none was, or something has moved on the descriptor: the answer's limit
 * begins again, or rests. */
void database_watch(struct database *database);

/* One line of at most DATABASE_MESSAGE_SIZE - 1 bytes. */
void database_line(char ret_line[DATABASE_MESSAGE_SIZE], const char *text);

#endif
