/* What the service manager is told (systemd's sd_notify protocol, sd_notify(3)), when one asked to
 * be: NOTIFY_SOCKET is set.
 *
 *     READY=1      the program has started and answers on ADMIN_LISTEN. It may still wait for its
 *                  peers: they wait for it as well, so nobody could be started after the other.
 *     STATUS=…     "serving", or what is missing; what /readyz says, in `systemctl status`
 *     WATCHDOG=1   the loop turns; when WATCHDOG_USEC asks for it, twice as often as it does
 *     STOPPING=1   with EXTEND_TIMEOUT_USEC: how long draining may take, so that the manager's own
 *                  limit need not know the settings
 *
 * One instance a process, embedded in its lifecycle; on its loop.
 */
#ifndef SLIP_PROCESS_MANAGER_H
#define SLIP_PROCESS_MANAGER_H

#include "common/process/loop.h"
#include "common/process/readiness.h"

struct manager {
    struct loop *loop;
    struct loop_timer tick;
    int64_t watchdog_ms; /* how often to say WATCHDOG=1; 0: nobody watches */
    int64_t watchdog_due_ms;
    struct buffer status; /* the last one told */
    struct buffer owed;   /* READY=1, STOPPING=1 …: told again until the socket takes it */
    bool is_there;        /* asked to be told */
    bool is_deaf;         /* could not be told; logged */
    bool is_stopping;
    void (*check_ready)(void *context, struct readiness *readiness);
    void *context;
};

/* Before any of the others; says nothing yet. */
void manager_init(struct manager *manager, struct loop *loop,
                  void (*check_ready)(void *context, struct readiness *readiness), void *context);
void manager_fini(struct manager *manager);

/* The program has started. From now on the status is looked at every second. */
void manager_ready(struct manager *manager);

/* The status may be another now: looks at it in the next turn. */
void manager_look_again(struct manager *manager);

/* The program leaves, and is gone within `limit_ms`. */
void manager_stopping(struct manager *manager, int64_t limit_ms);

/* Milliseconds between two WATCHDOG=1: half of what `usec` (WATCHDOG_USEC) says when `pid`
 * (WATCHDOG_PID) is this process or NULL; 0 when nobody watches, or a text is not a number. */
int64_t manager_watchdog_ms(const char *usec, const char *pid);

#endif
