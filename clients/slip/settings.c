/* Where the broker is and how to speak to it: options first, then the environment, then the outputs
 * file of deploy/up. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/slip/tool.h"
#include "common/text/json.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static const char OUTPUTS_USUAL[] = "var/run/outputs.json";

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* 0, or -errno. */
static int read_file(const char *path, struct buffer *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    int rc = 0;

    if (fd < 0)
        return -errno;
    while ((got = read(fd, buffer_reserve(text, 4096), 4096)) > 0 && text->length < FILE_BYTES_MAX)
        buffer_commit(text, (size_t)got);
    if (got < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* Of several (rotation) the first: separated by commas or line ends, as the broker has them. */
static char *first_secret(struct span text)
{
    size_t end = 0;

    while (end < text.length && !strchr(",\r\n", text.data[end]))
        end++;
    struct span first = span_trim(span_of(text.data, end));
    return first.length > 0 ? span_dup(first) : NULL;
}

/* ---- secrets ---- */

static void take_secret(struct tool *tool, struct span text, const char *origin)
{
    struct buffer words = {0};

    tool->secret = first_secret(text);
    if (!tool->secret)
        return;
    buffer_append_format(&words, "made with %s", origin);
    tool->token_origin = buffer_take(&words);
}

/* 0, or -errno. */
static int take_secret_file(struct tool *tool, const char *path, const char *origin)
{
    struct buffer text = {0};
    int rc = read_file(path, &text);

    if (rc == 0 && text.length > 0)
        take_secret(tool, buffer_span(&text), origin);
    buffer_fini(&text);
    return rc;
}

/* Of several places the first: what is in run/ is in use, the other one may be of another run. */
static void take_secret_beside(struct tool *tool, const char *outputs)
{
    static const char *const names[] = {"run/jwt_secret", "jwt_secret"};
    const char *slash = strrchr(outputs, '/');

    for (size_t i = 0; i < ARRAY_LENGTH(names) && !tool->secret; i++) {
        struct buffer path = {0};
        buffer_append(&path, outputs, slash ? (size_t)(slash + 1 - outputs) : 0);
        buffer_append_text(&path, names[i]);
        char *text = buffer_take(&path);
        (void)!take_secret_file(tool, text, text);
        free(text);
    }
}

static int read_secret(struct tool *tool)
{
    const char *token = environment("SLIP_TOKEN");
    const char *path = environment("JWT_SECRET_FILE");
    const char *secret = environment("JWT_SECRET");
    int rc = 0;

    if (secret)
        take_secret(tool, span_text(secret), "JWT_SECRET");
    else if (path)
        rc = take_secret_file(tool, path, "JWT_SECRET_FILE");
    if (rc < 0)
        return tool_fail(EXIT_USAGE, "JWT_SECRET_FILE %s: %s", path, strerror(-rc));
    if (token) {
        tool->token = xstrdup(token);
        free(tool->token_origin);
        tool->token_origin = xstrdup("SLIP_TOKEN");
    }
    return EXIT_DONE;
}

/* ---- the outputs file ---- */

/* The member whose name ends so: "slip-sockets.controlApi", or of another STACK_NAME. */
static char *output_ending(struct span document, const char *ending)
{
    struct json_reader reader;
    struct span key, found = {0};
    struct buffer text = {0};

    json_reader_init(&reader, document);
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        size_t length = strlen(ending);
        bool is_it =
            key.length >= length && memcmp(key.data + key.length - length, ending, length) == 0;
        struct span value = json_take_raw(&reader);
        if (is_it)
            found = value;
    }
    if (json_finish(&reader) < 0 || !found.data)
        return NULL;
    document_append_text(found, "", &text);
    return buffer_take(&text);
}

static void set_once(char **place, char *value)
{
    if (*place)
        free(value);
    else
        *place = value;
}

/* controlApi, controlApi2, …: with commas. NULL: there is none. */
static char *output_controls(struct span document)
{
    struct buffer urls = {0};
    char ending[32] = ".controlApi";
    char *url;

    for (int i = 2; (url = output_ending(document, ending)); i++) {
        buffer_append_format(&urls, "%s%s", urls.length > 0 ? "," : "", url);
        free(url);
        snprintf(ending, sizeof ending, ".controlApi%d", i);
    }
    return urls.length > 0 ? buffer_take(&urls) : NULL;
}

static int read_outputs(struct tool *tool, const char *path, bool is_wanted)
{
    struct buffer text = {0};
    int rc = read_file(path, &text);

    if (rc < 0) {
        buffer_fini(&text);
        return is_wanted ? tool_fail(EXIT_USAGE, "%s: %s", path, strerror(-rc)) : EXIT_DONE;
    }
    if (!json_is_valid(buffer_span(&text))) {
        buffer_fini(&text);
        return tool_fail(EXIT_USAGE, "%s is not JSON", path);
    }
    set_once(&tool->controls, output_controls(buffer_span(&text)));
    set_once(&tool->metrics, output_ending(buffer_span(&text), ".metrics"));
    if (!tool->token && !tool->secret)
        take_secret_beside(tool, path);
    buffer_fini(&text);
    return EXIT_DONE;
}

/* ---- all of it ---- */

static void take(char **place, const char *option, const char *variable)
{
    const char *value = option ? option : environment(variable);
    if (value)
        *place = xstrdup(value);
}

int settings_read(struct tool *tool)
{
    const char *const *values = tool->options.values;
    const char *outputs = values[OPTION_OUTPUTS];
    bool is_wanted = outputs || environment("SLIP_OUTPUTS");
    int code = read_secret(tool);

    if (code != EXIT_DONE)
        return code;
    take(&tool->controls, values[OPTION_CONTROL], "CONTROL_URL");
    take(&tool->metrics, values[OPTION_METRICS], "SLIP_METRICS");
    if (!outputs)
        outputs = is_wanted ? environment("SLIP_OUTPUTS") : OUTPUTS_USUAL;
    return read_outputs(tool, outputs, is_wanted);
}
