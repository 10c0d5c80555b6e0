/* One run of `slip`: what was asked for, how to reach the broker, and how to say what came of it.
 *
 *     options (argv) + settings (environment, outputs file) ─▶ tool ─▶ a command's function ─▶ exit
 *
 * Everything goes to standard output through tool_print(), errors as one line to standard error.
 */
#ifndef SLIP_CLIENTS_SLIP_TOOL_H
#define SLIP_CLIENTS_SLIP_TOOL_H

#include "clients/c/slip.h"
#include "clients/slip/document.h"
#include "clients/slip/options.h"
#include "clients/slip/table.h"

/* See the manual page. */
enum exit_code { EXIT_DONE, EXIT_ODD, EXIT_USAGE, EXIT_REFUSED, EXIT_DENIED, EXIT_AWAY };

struct tool {
    struct options options;
    char *controls;     /* URLs with commas; or NULL */
    char *control_url;  /* the one of them that is spoken to; NULL until then */
    char *metrics;      /* URLs with commas; or NULL */
    char *token;        /* or NULL */
    char *secret;       /* or NULL */
    char *token_origin; /* "SLIP_TOKEN", "made with …"; NULL without both */
    int64_t timeout_ms;
    struct slip_publisher *publisher; /* NULL until it is wanted */
    bool is_json;
    bool is_coloured;
    size_t width; /* of the terminal; 0: it is none */
};

/* Settings from the environment and the outputs file; the errors are said. */
MUST_USE
int tool_init(struct tool *tool);
void tool_fini(struct tool *tool);

/* "slip: …" on standard error; returns the code. */
int tool_fail(enum exit_code code, const char *format, ...) PRINTF_LIKE(2, 3);

/* What the broker, or the way to it, had to say. Not made safe for a terminal. */
void tool_append_result(const struct tool *tool, const struct slip_error *error,
                        struct buffer *text);

/* Says that; returns the code. */
int tool_fail_result(const struct tool *tool, const struct slip_error *error);

/* Writes it all. EXIT_DONE, or EXIT_ODD when that is impossible (said, but for a closed pipe). */
int tool_print(const struct buffer *text);

/* A request without a body or with one; *ret_body is the caller's to free. */
MUST_USE
int tool_call(struct tool *tool, const char *method, const char *path, const char *body,
              char **ret_body, size_t *ret_length);

/* Escape codes for a state: green, yellow, red; or nothing. */
const char *tool_color(const struct tool *tool, const char *state);

/* ---- settings.c ---- */

int settings_read(struct tool *tool);

/* ---- controls.c ---- */

/* Needs the broker: makes the publisher, for the first control that answers, or else the last. May
 * be called again. EXIT_DONE, or what was said already. */
MUST_USE
int tool_connect(struct tool *tool);

/* Was it not reached, so that another control may do? */
bool tool_is_away(const struct slip_error *error);

/* ---- listings ---- */

/* A column of a listing: where it stands in an item. */
struct field {
    struct table_column column;
    const char *path;
};

/* Lists all items of a paged resource; `query` without "?". */
int list_resource(struct tool *tool, const char *path, struct span query,
                  const struct field *fields, size_t field_count);

/* Appends "&name=value", encoded, when there is a value. */
void query_append(struct buffer *query, const char *name, const char *value);

/* ---- single documents ---- */

/* The answer as a line of JSON. */
int print_line(struct span json);

/* "title        value" */
void append_line(struct buffer *text, const char *title, struct span document, const char *path);

/* JSON for people: on lines, all else that is not printable is escaped. */
void append_json(struct buffer *text, struct span json);

/* Reads a resource and prints what `append` makes of it. */
int print_one(struct tool *tool, const char *pattern, const char *id,
              void (*append)(struct buffer *text, struct span document));

/* ---- the commands ---- */

int run_status(struct tool *tool);
int run_connections(struct tool *tool);
int run_connection(struct tool *tool);
int run_channels(struct tool *tool);
int run_channel(struct tool *tool);
int run_message(struct tool *tool);
int run_close(struct tool *tool);
int run_membership(struct tool *tool);
int run_metadata(struct tool *tool);
int run_tail(struct tool *tool);
int run_token(struct tool *tool);
int run_top(struct tool *tool);
int run_dead_letters(struct tool *tool);

#endif
