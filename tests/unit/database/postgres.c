#include "tests/unit/database/postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

/* Runs `command` in a shell, as postgres when we are root; stops the program when it fails. */
static void run(const char *command)
{
    char line[1024];
    const char *as =
        geteuid() == 0 ? "setpriv --reuid postgres --regid postgres --clear-groups " : "";
    int length = snprintf(line, sizeof line, "%ssh -c '%s'", as, command);

    ASSERT(length > 0 && (size_t)length < sizeof line);
    int status = system(line);
    if (status != 0) {
        fprintf(stderr, "failed (%d): %s\n", status, line);
        exit(1);
    }
}

/* Whether it runs or not. */
static void remove_cluster(const struct postgres *postgres)
{
    char command[512];

    snprintf(command, sizeof command,
             "cd /; " POSTGRES_BIN
             "/pg_ctl -D %s/data -w -s -m immediate stop 2>%s/log2; rm -rf %s/*",
             postgres->directory, postgres->directory, postgres->directory);
    run(command);
    rmdir(postgres->directory);
}

/* A test program may be killed; the server must not outlive it. The guard reads from a pipe that
 * only the test program holds, and cleans up when it ends before postgres_remove(). */
static void start_guard(struct postgres *postgres)
{
    int ends[2];
    char byte;

    ASSERT(pipe2(ends, O_CLOEXEC) == 0);
    postgres->guard = fork();
    ASSERT(postgres->guard >= 0);
    if (postgres->guard > 0) {
        close(ends[0]);
        postgres->guard_pipe = ends[1];
        return;
    }
    setsid();
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 0) /* 1: removed in order */
        remove_cluster(postgres);
    _exit(0);
}

static void stop_guard(struct postgres *postgres)
{
    ASSERT(write(postgres->guard_pipe, "", 1) == 1);
    close(postgres->guard_pipe);
    waitpid(postgres->guard, NULL, 0);
}

/* Of the socket, too. */
static int port_of(const struct postgres *postgres)
{
    return postgres->port ? postgres->port : 5432;
}

void postgres_create(struct postgres *postgres)
{
    char command[512];

    snprintf(postgres->directory, sizeof postgres->directory, "/tmp/slip-postgres-XXXXXX");
    ASSERT(mkdtemp(postgres->directory));
    const struct passwd *owner = geteuid() == 0 ? getpwnam("postgres") : getpwuid(geteuid());
    ASSERT(owner && chown(postgres->directory, owner->pw_uid, owner->pw_gid) == 0);
    snprintf(postgres->url, sizeof postgres->url, "host=%s port=%d user=owner dbname=postgres",
             postgres->directory, port_of(postgres));
    snprintf(command, sizeof command,
             "cd / && " POSTGRES_BIN "/initdb -D %s/data -U owner -A trust -E UTF8 --locale=C -N"
             " >%s/initdb.log 2>&1",
             postgres->directory, postgres->directory);
    start_guard(postgres);
    run(command);
    postgres_start(postgres);
}

void postgres_start(const struct postgres *postgres)
{
    char command[512];

    snprintf(command, sizeof command,
             "cd / && " POSTGRES_BIN "/pg_ctl -D %s/data -w -s -l %s/log"
             " -o \"-c listen_addresses=%s -p %d -k %s -c fsync=off -c max_connections=20\" start",
             postgres->directory, postgres->directory, postgres->port ? "127.0.0.1" : "",
             port_of(postgres), postgres->directory);
    run(command);
}

void postgres_stop(const struct postgres *postgres, const char *mode)
{
    char command[512];

    snprintf(command, sizeof command, "cd / && " POSTGRES_BIN "/pg_ctl -D %s/data -w -s -m %s stop",
             postgres->directory, mode);
    run(command);
}

void postgres_remove(struct postgres *postgres)
{
    stop_guard(postgres);
    remove_cluster(postgres);
}

char *postgres_ask(const struct postgres *postgres, const char *sql)
{
    char path[96], command[512];
    char text[65536];

    snprintf(path, sizeof path, "%s/sql", postgres->directory);
    FILE *file = fopen(path, "w");
    ASSERT(file && fputs(sql, file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command,
             "PGOPTIONS=--client-min-messages=warning " POSTGRES_BIN
             "/psql -qAtX -v ON_ERROR_STOP=1 -d '%s' -f %s",
             postgres->url, path);
    FILE *pipe = popen(command, "r");
    ASSERT(pipe);
    size_t length = fread(text, 1, sizeof text - 1, pipe);
    ASSERT(pclose(pipe) == 0 && unlink(path) == 0);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    return xmemdup0(text, length);
}

void postgres_freeze(const struct postgres *postgres, int is_frozen)
{
    char command[512];

    /* a child (autovacuum's, say) may end before its turn */
    snprintf(command, sizeof command,
             "master=$(head -1 %s/data/postmaster.pid);"
             " for pid in $master $(cat /proc/$master/task/$master/children);"
             " do kill -%s $pid || [ ! -e /proc/$pid ] || exit 1; done",
             postgres->directory, is_frozen ? "STOP" : "CONT");
    run(command);
}
