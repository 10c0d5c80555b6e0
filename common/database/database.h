/* A database: one session with PostgreSQL that is always there or on its way back.
 *
 *     WAITING ──timer──▶ CONNECTING ──▶ SETTING_UP ──database_ready()──▶ READY
 *        ▲                   │               │                             │
 *        └── back-off, jitter┴───────────────┴──── lost, hung, shut ───────┘
 *
 * Work is handed over in units. A unit is one or more statements in one transaction: all of them
 * take effect or none; an error in one unit does not touch the others. Units are pipelined (nothing
 * waits for the answer to what was sent before) and answered in their order, each by one callback.
 *
 *     struct database_unit *unit = database_unit_new(on_done, context);
 *     database_unit_add(unit, &query_edge, values, 2);
 *     error = database_submit(database, &unit);
 *
 * Nothing is kept for later: submitting to a session that is not READY fails, and what was on its
 * way when the session ended is answered with DATABASE_LOST: it may or may not have taken effect.
 * What then has to be said again is the caller's to know.
 *
 * The loop never waits for the network. Host names are looked up anew at each attempt, in a thread
 * (hosts.h); a lookup that takes longer than an attempt may is waited for by the next one. A
 * session that answers nothing for `answer_timeout_ms` while something is owed is taken for dead
 * (but for units that may take long: database_unit_set_patient).
 *
 * Passwords stay inside: no text that is given to a callback holds one. One thread, all callbacks
 * on the loop, none before the function that caused it has returned (database_close excepted).
 */
#ifndef SLIP_DATABASE_DATABASE_H
#define SLIP_DATABASE_DATABASE_H

#include "common/base/span.h"
#include "common/process/loop.h"

struct database;
struct database_unit;

enum database_state {
    DATABASE_WAITING,    /* for the next attempt */
    DATABASE_CONNECTING, /* the attempt is under way */
    DATABASE_SETTING_UP, /* connected; the program makes it usable (on_connected) */
    DATABASE_READY,      /* takes units */
};

/* How a unit ended. */
enum database_kind {
    DATABASE_DONE,     /* committed */
    DATABASE_LOST,     /* the session ended first: perhaps committed, perhaps not */
    DATABASE_BAD_DATA, /* nothing took effect: a value does not fit (SQLSTATE classes 22, 23, and
                          54); the same unit will fail again */
    DATABASE_BUSY,     /* nothing took effect: conflict, time-out, out of space or memory, shutting
                          down (classes 40, 53, 55, 57, 58): later it may work */
    DATABASE_BROKEN,   /* nothing took effect: a table is missing, a right is missing …: somebody
                          has to look at it */
};

/* A statement of the program, usually static. It is prepared on a session's first use of it. */
struct database_statement {
    const char *name; /* unique in the program; NULL: not prepared, parsed each time */
    const char *sql;  /* with $1, $2 … */
};

/* A parameter in PostgreSQL's text form; data == NULL is SQL's null. The bytes are copied when the
 * statement is added. */
struct database_value {
    struct span text;
};

/* What a unit came to; valid during the callback. */
struct database_answer {
    enum database_kind kind;
    char sqlstate[6];    /* empty unless the server said one */
    const char *message; /* for logs: one line, never NULL; empty when DONE */
    const struct database_unit *unit;
};

struct database_handlers {
    /* A session has begun and has its settings; submit what it needs first (migrations …) with
     * database_submit_setup, then call database_ready(), or database_restart(). NULL: ready at
     * once. */
    void (*on_connected)(void *context);
    /* The session takes units. May be NULL. */
    void (*on_ready)(void *context);
    /* The session has ended, or an attempt has failed; the units on their way have been answered.
     * `was_ready` tells which; `reason` is one line. Another attempt follows. May be NULL. */
    void (*on_down)(void *context, bool was_ready, const char *reason);
};

struct database_options {
    const char *url;              /* a URI or keywords, as libpq takes them */
    const char *password;         /* goes before one in the url; NULL or empty: none */
    const char *application_name; /* seen in pg_stat_activity */
    const char *schema;           /* search_path; any name, quoted for you. NULL: the server's */
    bool synchronous_commit;      /* of units that do not say otherwise */
    int64_t connect_timeout_ms; /* for one attempt, over all addresses; for names the same again */
    int64_t answer_timeout_ms;  /* statement_timeout is set a little below it */
    int64_t retry_first_ms;     /* back-off: first, doubling to last, with jitter */
    int64_t retry_last_ms;
    size_t queue_bytes; /* of units that are not answered; a single one may be larger */
    struct database_handlers handlers;
    void *context;
};

/* Begins to connect in the next turn of the loop; that nothing listens there is no error. Copies
 * the strings. Returns 0, or -EINVAL: the url is no connection string (why is not told: the reason
 * could quote a password). */
MUST_USE
int database_open(struct loop *loop, const struct database_options *options,
                  struct database **ret_database);

/* Ends the session; units on their way are answered with DATABASE_LOST before this returns, no
 * other callback is made. NULL inside is accepted. */
void database_close(struct database **database);

enum database_state database_state(const struct database *database);
bool database_is_ready(const struct database *database);

/* From on_connected's work: SETTING_UP → READY; on_ready is called before this returns. */
void database_ready(struct database *database);

/* Ends the session and tries again after a pause: it is no use as it is. `reason`: for on_down,
 * which is called at the end of the turn. Harmless when there is no session. */
void database_restart(struct database *database, const char *reason);

/* Bytes and number of units that are not answered. */
size_t database_queued_bytes(const struct database *database);
size_t database_queued_units(const struct database *database);

/* ---- units ---- */

/* Never NULL. `on_done` is called exactly once after a successful submit, unless forgotten. */
MUST_USE
struct database_unit *database_unit_new(void (*on_done)(void *context,
                                                        const struct database_answer *answer),
                                        void *context);

/* For a unit that was not submitted. */
void database_unit_destroy(struct database_unit **unit);

/* Appends a statement. `statement` outlives the unit's answer; the values are copied (up to a NUL
 * byte: PostgreSQL's text holds none, check before where it matters). At most
 * DATABASE_VALUES_MAX values; at most 128 named statements in a program. */
enum { DATABASE_VALUES_MAX = 16 };
void database_unit_add(struct database_unit *unit, const struct database_statement *statement,
                       const struct database_value *values, size_t count);

/* Makes the unit's commit wait (or not) for the disk, whatever the session's standard. Call before
 * the first database_unit_add; it takes no place among the statements. */
void database_unit_set_synchronous(struct database_unit *unit, bool is_synchronous);

/* The unit may take as long as it takes: neither statement_timeout nor answer_timeout_ms ends it.
 * That the server's machine is gone, TCP tells. Call before the first database_unit_add, and not
 * together with database_unit_set_synchronous; it takes no place among the statements. */
void database_unit_set_patient(struct database_unit *unit);

/* Hands the unit over; *unit is NULL after success. -ENOTCONN: not READY; -ENOBUFS: queue_bytes
 * would be exceeded (never while nothing else is queued); then the unit is still the caller's. */
MUST_USE
int database_submit(struct database *database, struct database_unit **unit);

/* The same while SETTING_UP; -ENOTCONN in every other state. */
MUST_USE
int database_submit_setup(struct database *database, struct database_unit **unit);

/* One statement as a unit. Results as database_submit(); `ret_unit` (may be NULL) is for
 * database_forget(). */
MUST_USE
int database_query(struct database *database, const struct database_statement *statement,
                   const struct database_value *values, size_t count,
                   void (*on_done)(void *context, const struct database_answer *answer),
                   void *context, struct database_unit **ret_unit);

/* The one who asked is gone: on_done will not be called. The unit (submitted, not answered; keep
 * the pointer from before the submit) is still carried out. */
void database_forget(struct database_unit *unit);

/* ---- answers ---- `statement` counts from 0 in the order they were added; only when DONE */

size_t database_rows(const struct database_answer *answer, size_t statement);

/* Rows that an insert, update or delete touched. */
uint64_t database_affected(const struct database_answer *answer, size_t statement);

/* A cell as text; data == NULL is null. Valid during the callback. */
struct span database_cell(const struct database_answer *answer, size_t statement, size_t row,
                          size_t column);

/* A cell that is a whole number ≥ 0 or < 0; `standard` when it is null or none. */
int64_t database_cell_integer(const struct database_answer *answer, size_t statement, size_t row,
                              size_t column, int64_t standard);

/* ---- values ---- */

#define DATABASE_NULL ((struct database_value){.text = {.data = NULL, .length = 0}})

static inline struct database_value database_text(struct span text)
{
    return (struct database_value){.text = span_of(text.data ? text.data : "", text.length)};
}

/* Room for any number in text. */
enum { DATABASE_NUMBER_SIZE = 24 };

/* The number in `text`, which outlives the value. */
struct database_value database_integer(int64_t value, char text[DATABASE_NUMBER_SIZE]);

#endif
