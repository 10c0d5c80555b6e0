/* The command line of `slip`: which command, with which arguments and options (options.def).
 *
 *     slip [OPTION…] COMMAND [OPTION… | ARGUMENT…]
 *
 * Options may stand anywhere, as "--name value" or "--name=value"; after "--" there are none.
 * Everything is borrowed from argv.
 */
#ifndef SLIP_CLIENTS_SLIP_OPTIONS_H
#define SLIP_CLIENTS_SLIP_OPTIONS_H

#include <stdio.h>

#include "common/base/buffer.h"

enum { ARGUMENTS_MAX = 4096 };

enum option_id {
#define OPTION(id, name, argument, help) OPTION_##id,
#include "clients/slip/options.def"
#undef OPTION
    OPTION_COUNT_ALL
};

enum option_set {
    OPTION_HAS_NOTHING = 0,
#define OPTION(id, name, argument, help) OPTION_HAS_##id = 1 << OPTION_##id,
#include "clients/slip/options.def"
#undef OPTION
    /* what goes with every command */
    OPTION_HAS_COMMON = OPTION_HAS_CHANNEL - 1,
};

enum command_id {
#define COMMAND(id, name, arguments, least, most, options, line, more) COMMAND_##id,
#include "clients/slip/options.def"
#undef COMMAND
    COMMAND_COUNT
};

struct option_spec {
    const char *name;
    const char *argument; /* NULL: a flag */
    const char *help;
};

struct command_spec {
    const char *name;
    const char *arguments;
    size_t least, most;
    unsigned int options;
    const char *line;
    const char *more;
};

extern const struct option_spec option_specs[OPTION_COUNT_ALL];
extern const struct command_spec command_specs[COMMAND_COUNT];

struct options {
    enum command_id command;              /* COMMAND_COUNT: none given */
    const char *values[OPTION_COUNT_ALL]; /* NULL: not given; "" for a flag */
    const char **arguments;
    size_t argument_count;
};

/* 0, or -EINVAL with a sentence in `ret_error`. The number of arguments is not checked when --help
 * or --version is given. */
MUST_USE
int options_parse(int argc, char **argv, struct options *ret_options, struct buffer *ret_error);
void options_fini(struct options *options);

/* The value of a whole number; `fallback` when the option was not given. false: it is not one in
 * minimum … maximum. */
MUST_USE
bool options_number(const struct options *options, enum option_id option, int64_t minimum,
                    int64_t maximum, int64_t fallback, int64_t *ret_value);

/* --help of all, or of one command. */
void options_help(enum command_id command, struct buffer *text);

/* The completion for bash, and the manual page. */
void options_completion(struct buffer *text);
void options_manual(struct buffer *text);

#endif
