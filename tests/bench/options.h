/* What the load client is told: MODE NAME=VALUE…, with one line each in options.def. */
#ifndef SLIP_BENCH_OPTIONS_H
#define SLIP_BENCH_OPTIONS_H

#include <stddef.h>

struct options {
#define TEXT(name, initial, help)   const char *name;
#define NUMBER(name, initial, help) double name;
#include "tests/bench/options.def"
};

/* Exits with the list of options when an argument is none of them. */
void options_parse(struct options *options, int count, char **arguments);

#endif
