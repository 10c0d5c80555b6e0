#include "clients/slip/options.h"

#include <errno.h>
#include <stdlib.h>

/* clang-format off */
const struct option_spec option_specs[OPTION_COUNT_ALL] = {
#define OPTION(id, name, argument, help) {name, argument, help},
#include "clients/slip/options.def"
#undef OPTION
};

const struct command_spec command_specs[COMMAND_COUNT] = {
#define COMMAND(id, name, arguments, least, most, options, line, more) \
    {name, arguments, least, most, options, line, more},
#include "clients/slip/options.def"
#undef COMMAND
};
/* clang-format on */

static int find_option(struct span name)
{
    for (int i = 0; i < OPTION_COUNT_ALL; i++)
        if (span_is(name, option_specs[i].name))
            return i;
    return -1;
}

static int find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, command_specs[i].name) == 0)
            return i;
    return -1;
}

/* "--name", "--name=value", or "--name" with its value in the next word. */
static int take_option(struct options *options, int argc, char **argv, int *at,
                       struct buffer *ret_error)
{
    struct span rest = span_text(argv[*at] + 2);
    struct span name = span_split(&rest, '=');
    int option = find_option(name);

    if (option < 0) {
        buffer_append_format(ret_error, "unknown option --%.*s", SPAN_ARGS(name));
    } else if (!option_specs[option].argument) {
        options->values[option] = "";
        if (!rest.data)
            return 0;
        buffer_append_format(ret_error, "--%s takes no value", option_specs[option].name);
    } else if (rest.data) {
        options->values[option] = rest.data;
        return 0;
    } else if (*at + 1 < argc) {
        options->values[option] = argv[++*at];
        return 0;
    } else {
        buffer_append_format(ret_error, "--%s needs a value: %s", option_specs[option].name,
                             option_specs[option].argument);
    }
    return -EINVAL;
}

static int take_word(struct options *options, const char *word, struct buffer *ret_error)
{
    if (options->command != COMMAND_COUNT) {
        options->arguments[options->argument_count++] = word;
        return 0;
    }
    int command = find_command(word);
    if (command < 0) {
        buffer_append_format(ret_error, "unknown command %s; see slip --help", word);
        return -EINVAL;
    }
    options->command = (enum command_id)command;
    return 0;
}

static int check(const struct options *options, struct buffer *ret_error)
{
    const struct command_spec *spec;

    if (options->values[OPTION_HELP] || options->values[OPTION_VERSION])
        return 0;
    if (options->command == COMMAND_COUNT) {
        buffer_append_text(ret_error, "a command is needed; see slip --help");
        return -EINVAL;
    }
    spec = &command_specs[options->command];
    for (int i = 0; i < OPTION_COUNT_ALL; i++) {
        if (!options->values[i] || (spec->options | OPTION_HAS_COMMON) & (1U << i))
            continue;
        buffer_append_format(ret_error, "slip %s has no option --%s", spec->name,
                             option_specs[i].name);
        return -EINVAL;
    }
    if (options->argument_count >= spec->least && options->argument_count <= spec->most)
        return 0;
    buffer_append_format(ret_error, "usage: slip %s%s%s", spec->name, *spec->arguments ? " " : "",
                         spec->arguments);
    return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct buffer *ret_error)
{
    struct options options = {.command = COMMAND_COUNT};
    bool is_over = false; /* "--" was there */
    int rc = 0;

    options.arguments = xcalloc((size_t)argc + 1, sizeof *options.arguments);
    for (int i = 1; i < argc && rc == 0; i++) {
        if (!is_over && strcmp(argv[i], "--") == 0)
            is_over = true;
        else if (!is_over && strcmp(argv[i], "-h") == 0)
            options.values[OPTION_HELP] = "";
        else if (!is_over && strncmp(argv[i], "--", 2) == 0)
            rc = take_option(&options, argc, argv, &i, ret_error);
        else
            rc = take_word(&options, argv[i], ret_error);
    }
    if (rc == 0)
        rc = check(&options, ret_error);
    if (rc < 0)
        options_fini(&options);
    else
        *ret_options = options;
    return rc;
}

void options_fini(struct options *options)
{
    free(options->arguments);
    options->arguments = NULL;
}

bool options_number(const struct options *options, enum option_id option, int64_t minimum,
                    int64_t maximum, int64_t fallback, int64_t *ret_value)
{
    uint64_t value;

    *ret_value = fallback;
    if (!options->values[option])
        return true;
    if (span_to_u64(span_text(options->values[option]), (uint64_t)maximum, &value) < 0 ||
        (int64_t)value < minimum)
        return false;
    *ret_value = (int64_t)value;
    return true;
}
