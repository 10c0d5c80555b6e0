#include <inttypes.h>

#include "common/process/config_parse.h"

enum { HELP_WIDTH = 92, INDENT = 6 };

/* One paragraph, broken at blanks. */
static void write_wrapped(const char *text, FILE *stream)
{
    struct span rest = span_text(text);
    size_t column = 0;
    while (rest.data) {
        struct span word = span_split(&rest, ' ');
        if (column > 0 && column + 1 + word.length > HELP_WIDTH - INDENT) {
            fputc('\n', stream);
            column = 0;
        }
        fprintf(stream, "%*s%.*s", column ? 1 : INDENT, "", SPAN_ARGS(word));
        column += word.length + (column > 0);
    }
    fputc('\n', stream);
}

static struct span describe(const struct setting *setting, struct buffer *buffer)
{
    buffer_clear(buffer);
    setting_describe(setting, buffer);
    return buffer_span(buffer);
}

void config_help(enum program_id program, FILE *stream)
{
    struct buffer allowed = {0};
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &settings[i];
        if (!(setting->programs & program))
            continue;
        if (setting->standard)
            fprintf(stream, "  %s=%s\n", setting->variable, setting->standard);
        else
            fprintf(stream, "  %s  (required%s)\n", setting->variable,
                    setting_is_secret(setting) ? "; or the same name with _FILE" : "");
        write_wrapped(setting->help, stream);
        fprintf(stream, "%*s(%.*s)\n", INDENT, "", SPAN_ARGS(describe(setting, &allowed)));
    }
    buffer_fini(&allowed);
}

/* '|' would end a cell. */
static void write_cell(struct span text, FILE *stream)
{
    for (size_t i = 0; i < text.length; i++)
        fprintf(stream, "%s%c", text.data[i] == '|' ? "\\" : "", text.data[i]);
}

void config_write_docs(FILE *stream)
{
    struct buffer allowed = {0};
    fputs(
        "# Configuration\n\n"
        "Every setting is a variable in the environment; `--help` of a program lists its own, and\n"
        "`--print-config` shows what it would run with. Unset and empty mean the default. A time\n"
        "without a unit is in seconds: `PING_INTERVAL=25` is 25 s. A wrong\n"
        "value stops the program at its start (exit code 2) with one line that names it. A\n"
        "secret may also come from a file: set the same name with `_FILE` to its path.\n\n"
        "Generated from `common/process/config.def`; do not edit.\n\n"
        "| variable | programs | default | allowed | meaning |\n"
        "|---|---|---|---|---|\n",
        stream);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &settings[i];
        fprintf(stream, "| `%s` | ", setting->variable);
        program_write_set(setting->programs, stream);
        if (!setting->standard)
            fputs(" | *required* | ", stream);
        else if (*setting->standard)
            fprintf(stream, " | `%s` | ", setting->standard);
        else
            fputs(" | *empty* | ", stream);
        write_cell(describe(setting, &allowed), stream);
        fputs(" | ", stream);
        write_cell(span_text(setting->help), stream);
        fputs(" |\n", stream);
    }
    buffer_fini(&allowed);
}
