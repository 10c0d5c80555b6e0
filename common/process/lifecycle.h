/* The life of a program: from the command line to the exit code, the same for all four.
 *
 *     arguments → settings → log → loop → actor new → admin pages → run → destroy → exit
 *
 *     RUNNING ──SIGTERM/SIGINT──▶ DRAINING ──lifecycle_stopped, or the drain limit──▶ STOPPED
 *        └────────────second signal, lifecycle_fail──────────────────────────────────▶ STOPPED
 *
 * A program's main.c fills a `struct program` and calls lifecycle_main:
 *
 *     static const struct program program = {
 *         .id = PROGRAM_EDGE, .create = edge_create, .drain = edge_drain, …
 *     };
 *     int main(int argc, char **argv) { return lifecycle_main(argc, argv, &program); }
 */
#ifndef SLIP_PROCESS_LIFECYCLE_H
#define SLIP_PROCESS_LIFECYCLE_H

#include "common/process/admin.h"
#include "common/process/config.h"
#include "common/process/loop.h"

enum {
    EXIT_USAGE = 2,  /* arguments or settings are wrong: starting again will not help */
    EXIT_FROZEN = 3, /* frozen, or declared dead by the others: start me again */
};

enum lifecycle_state { LIFECYCLE_RUNNING, LIFECYCLE_DRAINING, LIFECYCLE_STOPPED };

struct lifecycle;

/* What a program brings. `actor` is what its create function made. */
struct program {
    enum program_id id;

    /* Makes the actor; logs why when it fails (one line). Returns 0 or -errno (exit code 1). The
     * configuration and the loop outlive the actor. */
    int (*create)(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor);

    /* The first signal: begin to leave; call lifecycle_stopped when done. NULL: stop at once. */
    void (*drain)(void *actor);

    /* How long drain may take before the program stops anyway. NULL: 10 s. */
    int64_t (*drain_limit_ms)(const struct config *config);

    /* The process was stopped for longer than half of PEER_TIMEOUT. NULL: exit at once with
     * EXIT_FROZEN. When it returns, the loop goes on. */
    void (*frozen)(void *actor);

    /* For /readyz: adds a reason for each thing that is missing. "draining" is added for you. */
    void (*check_ready)(void *actor, struct readiness *readiness);

    /* Before /metrics is written: set gauges. May be NULL. */
    void (*measure)(void *actor);

    /* For the paths of the admin address that are not everybody's (admin.h); context is the actor.
     * Without on_request there are none. */
    struct http_handler admin;

    /* Releases everything, in any state. */
    void (*destroy)(void **actor);
};

/* Runs the program. Returns its exit code: 0 after a signal (also a second one) or --help,
 * --version, --print-config, and --healthz or --readyz answered 200; 1 when it could not start,
 * failed, the drain limit cut it off, or the answer was another; EXIT_USAGE when arguments or
 * settings are wrong. */
MUST_USE
int lifecycle_main(int argc, char **argv, const struct program *program);

/* The program serves now, for the first time: tells the log, and the service manager (manager.h).
 */
void lifecycle_ready(struct lifecycle *lifecycle);

/* The actor has drained: the loop ends after this turn, exit code 0. */
void lifecycle_stopped(struct lifecycle *lifecycle);

/* The actor cannot go on, and has logged why: the loop ends after this turn. `exit_code` is
 * EXIT_FAILURE or EXIT_FROZEN. The first call counts. */
void lifecycle_fail(struct lifecycle *lifecycle, int exit_code);

/* Begins to drain as the first signal does; for a program that decides to leave by itself. */
void lifecycle_drain(struct lifecycle *lifecycle);

enum lifecycle_state lifecycle_state(const struct lifecycle *lifecycle);

#endif
