/* What options.def tells people: --help, the manual page, the completion. */
#include "clients/slip/options.h"
#include "clients/slip/text.h"

static void append_options(struct buffer *text, unsigned int set)
{
    for (int i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct option_spec *spec = &option_specs[i];
        size_t start = text->length;
        if (!(set & (1U << i)))
            continue;
        buffer_append_format(text, "  --%s%s%s", spec->name, spec->argument ? " " : "",
                             spec->argument ? spec->argument : "");
        size_t width = text_width(span_of(text->data + start, text->length - start));
        buffer_append_format(text, "%*s %s\n", (int)(24 - min_size(width, 24)), "", spec->help);
    }
}

static void help_of_all(struct buffer *text)
{
    buffer_append_text(text, "usage: slip [OPTION…] COMMAND [ARGUMENT…]\n\n"
                             "Looks into a slip-sockets broker, and tells it what to do.\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        buffer_append_format(text, "  %-14s %s\n", command_specs[i].name, command_specs[i].line);
    buffer_append_text(text, "\nWith every command:\n");
    append_options(text, OPTION_HAS_COMMON);
    buffer_append_text(
        text, "\nThe token is SLIP_TOKEN, or made with JWT_SECRET (or the file JWT_SECRET_FILE).\n"
              "slip COMMAND --help tells more; slip manual is the manual page.\n");
}

static void help_of_one(enum command_id command, struct buffer *text)
{
    const struct command_spec *spec = &command_specs[command];

    buffer_append_format(text, "usage: slip %s%s%s\n\n%s\n", spec->name,
                         *spec->arguments ? " " : "", spec->arguments, spec->line);
    if (*spec->more)
        buffer_append_format(text, "%s\n", spec->more);
    buffer_append_byte(text, '\n');
    append_options(text, spec->options | OPTION_HAS_COMMON);
}

void options_help(enum command_id command, struct buffer *text)
{
    if (command == COMMAND_COUNT)
        help_of_all(text);
    else
        help_of_one(command, text);
}

/* ---- completion ---- */

static void append_option_words(struct buffer *text, unsigned int set)
{
    for (int i = 0; i < OPTION_COUNT_ALL; i++)
        if (set & (1U << i))
            buffer_append_format(text, " --%s", option_specs[i].name);
}

/* A channel or a connection is asked of the broker, for at most two seconds. What it tells may come
 * from strangers: it is compared and quoted, never expanded (as `compgen -W` would). Names that
 * need escapes in JSON are not offered. Readline takes words apart at ':', '=' and '@', and wants
 * what is behind the last of them. */
static const char COMPLETION_HEAD[] =
    "# _slip_offer COMMAND FIELD: the names that are listed so.\n"
    "_slip_offer() {\n"
    "    local each whole asked=(\"$1\") last='(([^ \\]|\\\\.)*)$'\n"
    "    [[ ${COMP_LINE:0:COMP_POINT} =~ $last ]] && whole=${BASH_REMATCH[1]}\n"
    "    local lead=${whole%\"${whole##*[:=@]}\"}\n"
    "    [ \"$1\" != channels ] || asked+=(-- \"${whole//\\\\/}\")\n"
    "    while IFS= read -r each; do\n"
    "        printf -v each %q \"$each\"\n"
    "        [[ $each != \"$whole\"* ]] || COMPREPLY+=(\"${each#\"$lead\"}\")\n"
    "    done < <(slip --timeout 2 --limit 100 --json \"${asked[@]}\" 2>/dev/null |\n"
    "        sed -n 's/^{\"'\"$2\"'\" *: *\"\\([^\"\\]*\\)\".*/\\1/p')\n"
    "}\n\n";

static const char COMPLETION_TAIL[] =
    "    local previous=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    case $previous in\n"
    "    --outputs) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
    "    --color) COMPREPLY=($(compgen -W 'auto always never' -- \"$word\")); return ;;\n"
    "    --audience) COMPREPLY=($(compgen -W 'control event' -- \"$word\")); return ;;\n"
    "    --state) COMPREPLY=($(compgen -W 'opening open closing waiting replayed' -- \"$word\")); "
    "return ;;\n"
    "    --channel) _slip_offer channels channel; return ;;\n"
    "    --connection) _slip_offer connections connectionId; return ;;\n"
    "    esac\n"
    "    if [[ $word == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
    "    elif [ -z \"$command\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))\n"
    "    elif [ \"$command\" = dead-letters ]; then\n"
    "        COMPREPLY=($(compgen -W 'list show replay discard' -- \"$word\"))\n"
    "    else\n"
    "        case $command in\n"
    "        connection | send | close | metadata) _slip_offer connections connectionId ;;\n"
    "        channel | publish | close-channel | tail) _slip_offer channels channel ;;\n"
    "        subscribe | unsubscribe)\n"
    "            if [ \"$previous\" = \"$command\" ]; then\n"
    "                _slip_offer connections connectionId\n"
    "            else\n"
    "                _slip_offer channels channel\n"
    "            fi ;;\n"
    "        esac\n"
    "    fi\n"
    "}\n"
    "complete -F _slip slip\n";

void options_completion(struct buffer *text)
{
    buffer_append_text(text, "# Completion for bash, printed by `slip completion`.\n"
                             "# shellcheck shell=bash disable=SC2207\n");
    buffer_append_text(text, COMPLETION_HEAD);
    buffer_append_text(text, "_slip() {\n"
                             "    local word=${COMP_WORDS[COMP_CWORD]} command='' each\n"
                             "    COMPREPLY=()\n"
                             "    local commands='");
    for (int i = 0; i < COMMAND_COUNT; i++)
        buffer_append_format(text, "%s%s", i > 0 ? " " : "", command_specs[i].name);
    buffer_append_text(text, "'\n"
                             "    for each in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                             "        [[ \" $commands \" != *\" $each \"* ]] || "
                             "{ command=$each && break; }\n"
                             "    done\n"
                             "    local options='");
    append_option_words(text, OPTION_HAS_COMMON);
    buffer_append_text(text, "'\n    case $command in\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (command_specs[i].options == OPTION_HAS_NOTHING)
            continue;
        buffer_append_format(text, "    %s) options+='", command_specs[i].name);
        append_option_words(text, command_specs[i].options);
        buffer_append_text(text, "' ;;\n");
    }
    buffer_append_text(text, "    esac\n");
    buffer_append_text(text, COMPLETION_TAIL);
}

/* ---- the manual page ---- */

/* Text for roff: a backslash, a minus, a leading dot or quote would be taken for more. */
static void append_roff(struct buffer *text, const char *plain)
{
    if (*plain == '.' || *plain == '\'')
        buffer_append_text(text, "\\&");
    for (; *plain; plain++) {
        if (*plain == '\\')
            buffer_append_text(text, "\\e");
        else if (*plain == '-')
            buffer_append_text(text, "\\-");
        else
            buffer_append_byte(text, *plain);
    }
}

static void manual_options(struct buffer *text, unsigned int set)
{
    for (int i = 0; i < OPTION_COUNT_ALL; i++) {
        const struct option_spec *spec = &option_specs[i];
        if (!(set & (1U << i)))
            continue;
        buffer_append_text(text, ".TP\n\\fB\\-\\-");
        append_roff(text, spec->name);
        buffer_append_text(text, "\\fR");
        if (spec->argument)
            buffer_append_format(text, " \\fI%s\\fR", spec->argument);
        buffer_append_byte(text, '\n');
        append_roff(text, spec->help);
        buffer_append_byte(text, '\n');
    }
}

static void manual_commands(struct buffer *text)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const struct command_spec *spec = &command_specs[i];
        buffer_append_text(text, ".SS slip ");
        append_roff(text, spec->name);
        buffer_append_byte(text, ' ');
        append_roff(text, spec->arguments);
        buffer_append_text(text, "\n");
        append_roff(text, spec->line);
        buffer_append_text(text, ".\n");
        if (*spec->more) {
            append_roff(text, spec->more);
            buffer_append_byte(text, '\n');
        }
        manual_options(text, spec->options);
    }
}

static const char MANUAL_END[] =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBCONTROL_URL\\fR\ncontrol's REST API, as http://127.0.0.1:8081; of several, separated "
    "by commas, the first that answers\n"
    ".TP\n\\fBSLIP_TOKEN\\fR\na token for it\n"
    ".TP\n\\fBJWT_SECRET\\fR, \\fBJWT_SECRET_FILE\\fR\nor the broker's secret, or a file that "
    "holds "
    "it, to make tokens with; of several, separated by commas or lines, the first\n"
    ".TP\n\\fBSLIP_OUTPUTS\\fR\nthe outputs file of deploy/up\n"
    ".TP\n\\fBSLIP_METRICS\\fR\nwhere processes serve /metrics, for top; separated by commas\n"
    ".TP\n\\fBNO_COLOR\\fR\nno colours, whatever the terminal\n"
    ".SH FILES\n"
    ".TP\n\\fIvar/run/outputs.json\\fR\nthere while deploy/up runs; tells where controls and "
    "metrics "
    "are\n"
    ".TP\n\\fIvar/run/jwt_secret\\fR\nbeside the outputs file: the secret in use, when the "
    "environment has none\n"
    ".SH EXIT STATUS\n"
    ".TP\n\\fB0\\fR\ndone\n"
    ".TP\n\\fB1\\fR\nan answer that makes no sense, or nothing could be written\n"
    ".TP\n\\fB2\\fR\nwrong usage, or a setting is missing or wrong\n"
    ".TP\n\\fB3\\fR\nthe broker refused it: there is no such thing, or it is not what it should "
    "be\n"
    ".TP\n\\fB4\\fR\nthe token is not good\n"
    ".TP\n\\fB5\\fR\nthe broker was not reached, is not ready, or did not answer in time; later it "
    "may\n"
    ".SH EXAMPLES\n.nf\n"
    "slip connections \\-\\-channel news \\-\\-json | jq \\-r .connectionId\n"
    "echo hello | slip publish news\n"
    "slip dead\\-letters replay \\-\\-all\n"
    ".fi\n";

void options_manual(struct buffer *text)
{
    buffer_append_text(text, ".\\\" Printed by `slip manual`.\n"
                             ".TH SLIP 1 \"\" \"slip\\-sockets " SLIP_VERSION "\" \"\"\n"
                             ".SH NAME\nslip \\- look into a slip\\-sockets broker, and tell it "
                             "what to do\n"
                             ".SH SYNOPSIS\n\\fBslip\\fR [\\fIoption\\fR...] \\fIcommand\\fR "
                             "[\\fIargument\\fR...]\n"
                             ".SH DESCRIPTION\n"
                             "Speaks to control's REST API. Tables are for people; with "
                             "\\fB\\-\\-json\\fR each entry is one line of JSON, as REST has it. "
                             "What strangers sent is shown with its control characters escaped, "
                             "as \\ex1b.\n"
                             ".SH OPTIONS\n");
    manual_options(text, OPTION_HAS_COMMON);
    buffer_append_text(text, ".SH COMMANDS\n");
    manual_commands(text);
    buffer_append_text(text, MANUAL_END);
}
