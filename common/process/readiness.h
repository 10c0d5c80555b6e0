/* Why a program cannot serve, and what else is to be said about it, gathered for one answer: for
 * /readyz as JSON, for the service manager as a sentence.
 *
 *     struct readiness readiness = {0};
 *     check_ready(actor, &readiness);        calls readiness_add, readiness_note
 *     readiness_write_json(&readiness, &body);
 *     readiness_fini(&readiness);
 */
#ifndef SLIP_PROCESS_READINESS_H
#define SLIP_PROCESS_READINESS_H

#include "common/base/buffer.h"

struct readiness {
    struct buffer reasons; /* each with a NUL behind it */
    struct buffer notes;
};

void readiness_fini(struct readiness *readiness);

/* Adds a short reason in words ("no router", "draining"). */
void readiness_add(struct readiness *readiness, const char *reason);

/* Says something that does not keep the program from serving ("degraded: no PostgreSQL"). */
void readiness_note(struct readiness *readiness, const char *note);

/* Without a reason against it. */
bool readiness_is_ready(const struct readiness *readiness);

/* Appends {"ready":…, "reasons":[…], "notes":[…]}; without notes, if there are none. */
void readiness_write_json(const struct readiness *readiness, struct buffer *buffer);

/* Appends "serving", or "waiting: no router"; then each note after "; ". One line, whatever the
 * texts contain. */
void readiness_write_text(const struct readiness *readiness, struct buffer *buffer);

#endif
