/* The names of the four programs: which settings and metrics are whose. */
#ifndef SLIP_PROCESS_PROGRAM_H
#define SLIP_PROCESS_PROGRAM_H

#include <stdio.h>

/* Bits, so that a table's line may name several. */
enum program_id {
    PROGRAM_EDGE = 1,
    PROGRAM_ROUTER = 2,
    PROGRAM_WORKER = 4,
    PROGRAM_CONTROL = 8,
    PROGRAM_ALL = 15,
};

/* "slip-edge", "slip-router", "slip-webhook-worker", "slip-control". */
const char *program_name(enum program_id program);

/* Writes a set of programs for a reader: "all", or "edge, worker". */
void program_write_set(unsigned int programs, FILE *stream);

#endif
