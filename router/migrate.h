/* The tables' form: applies the migrations that the schema lacks, when a session begins.
 *
 *     lock (the schema's name) ─▶ what is there? ─▶ what is missing, in one transaction ─▶ unlock
 *
 * However long that takes: with millions of rows it is minutes, in which nothing ends it. It does
 * wait for locks only so long (sql/ takes some that keep everybody else from a table): a reader
 * that lasts must not stop all others behind it. Then it is tried again.
 *
 * Needs no superuser: the right to create the schema, or a schema that somebody created for the
 * stack's role. A schema newer than this program is refused.
 */
#ifndef SLIP_ROUTER_MIGRATE_H
#define SLIP_ROUTER_MIGRATE_H

#include "common/database/database.h"
#include "common/process/loop.h"

struct migration {
    int version;
    const char *name;
    struct database_statement statement; /* all of the file's, as one */
};

/* Made from sql/ by the build. */
extern const struct migration migrations[];
extern const size_t migration_count;

/* Why a schema cannot be used: for the log and /readyz. */
enum migration_end {
    MIGRATION_DONE,
    MIGRATION_FAILED, /* try again: PostgreSQL refused, or went away */
    MIGRATION_NEWER,  /* the schema belongs to a newer program */
};

struct migration_run {
    struct loop *loop;
    struct database *database;
    const char *schema;
    struct loop_timer lock_timer;
    struct database_statement create_schema;
    char *create_sql;
    size_t applied; /* by this run */
    bool is_applying;
    void (*on_end)(void *context, enum migration_end end, const char *reason);
    void *context;
};

void migration_run_init(struct migration_run *run, struct loop *loop, const char *schema,
                        void (*on_end)(void *context, enum migration_end end, const char *reason),
                        void *context);

/* Begins, in on_connected of the session; `on_end` follows unless the session is lost before. */
void migration_run_start(struct migration_run *run, struct database *database);

/* The session has ended. */
void migration_run_stop(struct migration_run *run);

/* After the session was closed. */
void migration_run_fini(struct migration_run *run);

#endif
