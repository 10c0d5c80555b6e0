/* The settings of a program, read once at its start from the environment.
 *
 * config.def has one line per setting; the structure, the table, the parsing, --help,
 * --print-config and docs/configuration.md all come from it. A program reads only its own settings;
 * the fields of the others are zero. After config_load nothing changes: share it as const.
 */
#ifndef SLIP_PROCESS_CONFIG_H
#define SLIP_PROCESS_CONFIG_H

#include <stdio.h>

#include "common/process/address.h"
#include "common/process/network.h"
#include "common/process/program.h"

/* The values of a SECRET: at least one; the first signs, all verify. */
struct secret_list {
    char *text; /* where the spans point */
    struct span *items;
    size_t count;
};

enum setting_kind {
    SETTING_TEXT,
    SETTING_INTEGER,
    SETTING_BYTES,
    SETTING_DURATION,
    SETTING_BOOLEAN,
    SETTING_LISTEN,
    SETTING_ADDRESSES,
    SETTING_NETWORKS,
    SETTING_ORIGINS,
    SETTING_URL,
    SETTING_SECRET,
    SETTING_PASSWORD,
    SETTING_CHOICE,
};

/* The C type of a setting's field, by its type in the table. */
#define SETTING_FIELD_TEXT            char *
#define SETTING_FIELD_INTEGER         uint64_t
#define SETTING_FIELD_BYTES           uint64_t
#define SETTING_FIELD_DURATION        int64_t /* ms */
#define SETTING_FIELD_BOOLEAN         bool
#define SETTING_FIELD_LISTEN          struct address
#define SETTING_FIELD_ADDRESSES       struct address_list
#define SETTING_FIELD_NETWORKS        struct network_list
#define SETTING_FIELD_ORIGINS         char *
#define SETTING_FIELD_URL             char *
#define SETTING_FIELD_SECRET          struct secret_list
#define SETTING_FIELD_PASSWORD        char *
#define SETTING_FIELD_CHOICE(choices) unsigned int /* index among the choices */

/* One typed field per line of config.def: config->peer_timeout_ms, config->edge_listen.port … */
struct config {
#define SETTING(name, variable, type, standard, minimum, maximum, programs, help) \
    SETTING_FIELD_##type name;
#include "common/process/config.def"
#undef SETTING
};

/* A line of the table, as data. */
struct setting {
    const char *variable;
    enum setting_kind kind;
    const char *choices;  /* "a|b|c" for SETTING_CHOICE */
    const char *standard; /* the default; NULL = required */
    uint64_t minimum, maximum;
    unsigned int programs; /* set of enum program_id */
    const char *help;
    size_t offset; /* of the field in struct config */
};

extern const struct setting settings[];
extern const size_t setting_count;

enum { CONFIG_ERROR_SIZE = 512 };

/* Reads the settings of `program` from the environment. A variable that is unset or empty has its
 * default; of a SECRET or PASSWORD, VARIABLE_FILE may name a file instead, whose last newline is
 * dropped.
 * Returns 0 and the configuration, for config_fini(); or -EINVAL and in `ret_error` one line
 * without newline that names the variable, its value (never a secret's) and what is allowed. */
MUST_USE
int config_load(enum program_id program, struct config *ret_config,
                char ret_error[CONFIG_ERROR_SIZE]);
void config_fini(struct config *config);

/* Writes VARIABLE=value lines, in the table's order and units; secrets as ***, passwords inside
 * connection strings masked. */
void config_print(enum program_id program, const struct config *config, FILE *stream);

/* Writes the paragraph of --help about each setting. */
void config_help(enum program_id program, FILE *stream);

/* Writes docs/configuration.md. */
void config_write_docs(FILE *stream);

#endif
