/* The figures of all processes, gathered when somebody asks.
 *
 *     GET /v1/processes ─▶ a round: MEASURE to every edge and worker linked here
 *                               REPORT ◀─ each of them, and by the workers each router
 *                          all are there, or ROUND_MS are over ─▶ answers
 *
 * Who asks while a round is under way is answered with it. Nothing is kept between rounds, and
 * nothing is measured while nobody looks. Control reports about itself; of other controls it knows
 * what edges and workers say: that they are.
 *
 * One loop; control has one of these.
 */
#ifndef SLIP_CONTROL_FIGURES_H
#define SLIP_CONTROL_FIGURES_H

#include "common/base/table.h"
#include "common/wire/link.h"
#include "control/rest.h"

struct figures {
    struct control *control;
    uint64_t round;         /* grows; begins at a random number */
    struct list calls;      /* rest_call.in_round; a round is under way while there is one */
    struct table processes; /* of this round, by name */
    size_t awaited;         /* of them, those that have not reported */
    struct loop_timer limit;
};

void figures_init(struct figures *figures, struct control *control);
void figures_fini(struct figures *figures);

/* Answers the call when the round is over. */
void figures_ask(struct figures *figures, struct rest_call *call);

/* A REPORT has come. One of another round is ignored. */
void figures_report(struct figures *figures, const struct message_report *report);

/* A peer has left: nothing is awaited from it. */
void figures_unlinked(struct figures *figures, struct span name);

#endif
