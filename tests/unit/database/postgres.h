/* A private PostgreSQL for a test program: a new cluster in a directory of its own, reached by a
 * Unix socket and, if there is a port, at 127.0.0.1. Run by root it belongs to the user postgres,
 * which PostgreSQL insists on. */
#ifndef SLIP_TESTS_POSTGRES_H
#define SLIP_TESTS_POSTGRES_H

#include <sys/types.h>

struct postgres {
    int port; /* set before it is created; 0: Unix socket only */
    char directory[64];
    char url[160]; /* as its owner, database postgres */
    pid_t guard;   /* stops the server if the test program is killed */
    int guard_pipe;
};

/* All abort the test program when they cannot. `mode`: "fast" or "immediate". */
void postgres_create(struct postgres *postgres);
void postgres_start(const struct postgres *postgres);
void postgres_stop(const struct postgres *postgres, const char *mode);
void postgres_remove(struct postgres *postgres);

/* Runs SQL by psql, and returns what it prints (-At), without the last newline; the caller frees.
 */
char *postgres_ask(const struct postgres *postgres, const char *sql);

/* SIGSTOP (true) or SIGCONT (false) for every process of the server. */
void postgres_freeze(const struct postgres *postgres, int is_frozen);

#endif
