#include "tests/bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

struct option {
    const char *name;
    const char *initial;
    const char *help;
    bool is_text;
    size_t offset;
};

static const struct option table[] = {
#define TEXT(name, initial, help)   {#name, initial, help, true, offsetof(struct options, name)},
#define NUMBER(name, initial, help) {#name, #initial, help, false, offsetof(struct options, name)},
#include "tests/bench/options.def"
};

static void usage(void)
{
    fputs("usage: load MODE [NAME=VALUE…]\n", stderr);
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
        fprintf(stderr, "  %-15s %s [%s]\n", table[i].name, table[i].help, table[i].initial);
    exit(2);
}

static void set(struct options *options, const struct option *option, const char *value)
{
    char *place = (char *)options + option->offset;
    char *end;
    if (option->is_text) {
        memcpy(place, &value, sizeof value);
        return;
    }
    double number = strtod(value, &end);
    if (end == value || *end || number < 0)
        usage();
    memcpy(place, &number, sizeof number);
}

static void take(struct options *options, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : 0;
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, argument, length) == 0) {
            set(options, &table[i], equals + 1);
            return;
        }
    }
    usage();
}

void options_parse(struct options *options, int count, char **arguments)
{
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
        set(options, &table[i], table[i].initial);
    for (int i = 0; i < count; i++)
        take(options, arguments[i]);
}
