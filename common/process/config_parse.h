/* From the text of a setting to its field and back. Part of config; nobody else includes it. */
#ifndef SLIP_PROCESS_CONFIG_PARSE_H
#define SLIP_PROCESS_CONFIG_PARSE_H

#include "common/base/buffer.h"
#include "common/process/config.h"

/* A unit of an amount: its name ("" for a plain number) and what it multiplies by. */
struct setting_unit {
    const char *name;
    uint64_t factor;
};

/* The units of a kind, smallest first; one nameless for kinds without. */
const struct setting_unit *setting_units(enum setting_kind kind, size_t *ret_count);

/* Is it never shown, and may it come from a file? */
bool setting_is_secret(const struct setting *setting);

/* Where a setting's value is kept. */
void *setting_field(const struct setting *setting, struct config *config);

/* Parses `text` into the field. Returns 0, -EINVAL (not of that form) or -ERANGE (not within its
 * bounds); the field is untouched then. */
MUST_USE
int setting_parse(const struct setting *setting, struct span text, struct config *config);

/* Appends the value as an operator would write it; secrets as ***, without passwords. */
void setting_format(const struct setting *setting, const struct config *config,
                    struct buffer *buffer);

/* Appends what is allowed, in words: "a time from 500ms to 5m". */
void setting_describe(const struct setting *setting, struct buffer *buffer);

/* Appends a number of bytes ("64M") or a time ("1500ms", "5s") in its largest whole unit. */
void setting_format_amount(enum setting_kind kind, uint64_t amount, struct buffer *buffer);

/* Frees what the field owns. */
void setting_fini(const struct setting *setting, struct config *config);

#endif
