/* The answer to MEASURE: what a process counts, and to whom it is linked.
 *
 *     control ─ MEASURE ─▶ edge ─ REPORT ─▶ control
 *     control ─ MEASURE ─▶ worker ─ REPORT ─▶ control
 *                             └─ MEASURE ─▶ router ─ REPORT ─▶ worker ─▶ control
 *
 * Only asked for while a person looks (control/figures.h), so it costs nothing at other times.
 */
#ifndef SLIP_WIRE_REPORT_H
#define SLIP_WIRE_REPORT_H

#include "common/process/program.h"
#include "common/wire/link.h"

/* Appends the REPORT of this process. Its gauges have been set; those about the process itself are
 * set here. `peers`: whom it has connected to; the binding sides name none, or each link would be
 * told twice. */
void report_put(struct buffer *packet, enum program_id program, struct span name,
                const struct message_measure *measure, struct record_peer_list peers);

/* The same, the peers being those of `count` sets. */
void report_put_connected(struct buffer *packet, enum program_id program, struct span name,
                          const struct message_measure *measure, const struct link_set *const *sets,
                          size_t count);

#endif
