/* A change set as one unit of statements. */
#ifndef SLIP_ROUTER_PROJECTION_WRITE_H
#define SLIP_ROUTER_PROJECTION_WRITE_H

#include "router/change_set.h"
#include "router/edge.h"

/* The unit's first statement finds the edge's row (one row) or nothing: then nothing was written.
 * Never NULL. */
MUST_USE
struct database_unit *projection_unit(const struct edge *edge, const struct change_set *set,
                                      void (*on_done)(void *context,
                                                      const struct database_answer *answer),
                                      void *context);

/* Counts the rows of a set that was written. */
void projection_count_rows(const struct change_set *set);

#endif
