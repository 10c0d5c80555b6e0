/* Where the broker is and how to speak to it: options first, then the environment, then the outputs
 * file of deploy/up. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/slip/tool.h"
#include "common/text/json.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static const char OUTPUTS_USUAL[] = "var/outputs.json";

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

static void read_secret_beside(struct tool *tool, const char *outputs)
{
    const char *slash = strrchr(outputs, '/');
    struct buffer path = {0}, secret = {0};

    buffer_append(&path, outputs, slash ? (size_t)(slash + 1 - outputs) : 0);
    buffer_append_text(&path, "jwt_secret");
    char *text = buffer_take(&path);
    if (read_file(text, &secret) == 0 && secret.length > 0)
        tool->secret = first_secret(buffer_span(&secret));
    buffer_fini(&secret);
    free(text);
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
    set_once(&tool->control_url, output_ending(buffer_span(&text), ".controlApi"));
    set_once(&tool->metrics, output_ending(buffer_span(&text), ".metrics"));
    if (!tool->token && !tool->secret)
        read_secret_beside(tool, path);
    buffer_fini(&text);
    return EXIT_DONE;
}

/* ---- secrets ---- */

static int read_secret(struct tool *tool)
{
    const char *path = environment("JWT_SECRET_FILE");
    const char *secret = environment("JWT_SECRET");
    struct buffer text = {0};

    if (environment("SLIP_TOKEN"))
        tool->token = xstrdup(environment("SLIP_TOKEN"));
    if (secret) {
        tool->secret = first_secret(span_text(secret));
    } else if (path) {
        int rc = read_file(path, &text);
        if (rc == 0 && text.length > 0)
            tool->secret = first_secret(buffer_span(&text));
        buffer_fini(&text);
        if (rc < 0)
            return tool_fail(EXIT_USAGE, "JWT_SECRET_FILE %s: %s", path, strerror(-rc));
    }
    return EXIT_DONE;
}

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
    take(&tool->control_url, values[OPTION_CONTROL], "CONTROL_URL");
    take(&tool->metrics, values[OPTION_METRICS], "SLIP_METRICS");
    if (!outputs)
        outputs = is_wanted ? environment("SLIP_OUTPUTS") : OUTPUTS_USUAL;
    return read_outputs(tool, outputs, is_wanted);
}
