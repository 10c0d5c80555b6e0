#include "common/process/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/process/config_parse.h"
#include "common/process/mask.h"

/* The words of the table. */
enum {
    EDGE = PROGRAM_EDGE,
    ROUTER = PROGRAM_ROUTER,
    WORKER = PROGRAM_WORKER,
    CONTROL = PROGRAM_CONTROL,
    ALL = PROGRAM_ALL,
};

#define KIND_TEXT           .kind = SETTING_TEXT
#define KIND_INTEGER        .kind = SETTING_INTEGER
#define KIND_BYTES          .kind = SETTING_BYTES
#define KIND_DURATION       .kind = SETTING_DURATION
#define KIND_BOOLEAN        .kind = SETTING_BOOLEAN
#define KIND_LISTEN         .kind = SETTING_LISTEN
#define KIND_ADDRESSES      .kind = SETTING_ADDRESSES
#define KIND_NETWORKS       .kind = SETTING_NETWORKS
#define KIND_ORIGINS        .kind = SETTING_ORIGINS
#define KIND_URL            .kind = SETTING_URL
#define KIND_SECRET         .kind = SETTING_SECRET
#define KIND_PASSWORD       .kind = SETTING_PASSWORD
#define KIND_CHOICE(values) .kind = SETTING_CHOICE, .choices = values

const struct setting settings[] = {
#define SETTING(name_, variable_, type_, standard_, minimum_, maximum_, programs_, help_) \
    {                                                                                     \
        .variable = #variable_,                                                           \
        KIND_##type_,                                                                     \
        .standard = standard_,                                                            \
        .minimum = minimum_,                                                              \
        .maximum = maximum_,                                                              \
        .programs = programs_,                                                            \
        .help = help_,                                                                    \
        .offset = offsetof(struct config, name_),                                         \
    },
#include "common/process/config.def"
#undef SETTING
};
const size_t setting_count = ARRAY_LENGTH(settings);

enum { FILE_BYTES = 65536, SHOWN_BYTES = 100 };

/* The line; whatever a value holds, it stays one. */
static void complain(char error[CONFIG_ERROR_SIZE], struct buffer *detail)
{
    snprintf(error, CONFIG_ERROR_SIZE, "%.*s", SPAN_ARGS(*detail));
    for (char *c = error; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    buffer_fini(detail);
}

/* VARIABLE is VALUE: must be … */
static void complain_value(const struct setting *setting, const char *value, const char *problem,
                           char error[CONFIG_ERROR_SIZE])
{
    struct buffer detail = {0};
    if (setting_is_secret(setting)) {
        buffer_append_text(&detail, setting->variable);
    } else {
        char *masked = mask_passwords(value);
        buffer_append_format(&detail, "%s=%.*s%s", setting->variable, SHOWN_BYTES, masked,
                             strlen(masked) > SHOWN_BYTES ? "..." : "");
        free(masked);
    }
    buffer_append_format(&detail, " %s: must be ", problem);
    setting_describe(setting, &detail);
    complain(error, &detail);
}

/* Reads a file of at most FILE_BYTES; the final newline is an editor's, not the secret's. */
static int read_file(const char *path, char **ret_text)
{
    char text[FILE_BYTES];
    size_t length = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (length < sizeof(text) && (got = read(fd, text + length, sizeof(text) - length)) > 0)
        length += (size_t)got;
    int rc = got < 0 ? -errno : 0;
    close(fd);
    if (rc == 0 && (length == sizeof(text) || (length > 0 && memchr(text, '\0', length))))
        rc = -EINVAL;
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    if (rc == 0)
        *ret_text = xmemdup0(text, length);
    explicit_bzero(text, sizeof(text));
    return rc;
}

static const char *environment(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static int find_in_file(const char *name, const char *path, char **ret_value,
                        char error[CONFIG_ERROR_SIZE])
{
    struct buffer detail = {0};
    int rc = read_file(path, ret_value);
    if (rc == 0)
        return 0;
    buffer_append_format(&detail, "%s=%.200s cannot be read: %s", name, path,
                         rc == -EINVAL ? "not a file of one secret" : strerror(-rc));
    complain(error, &detail);
    return -EINVAL;
}

/* *ret_value: the caller frees it; NULL when nothing is set anywhere. */
static int find_value(const struct setting *setting, char **ret_value,
                      char error[CONFIG_ERROR_SIZE])
{
    char name[64];
    snprintf(name, sizeof(name), "%s_FILE", setting->variable);
    const char *value = environment(setting->variable);
    const char *path = setting_is_secret(setting) ? environment(name) : NULL;
    if (value && path) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s and %s are both set: use one of them",
                 setting->variable, name);
        return -EINVAL;
    }
    if (path)
        return find_in_file(name, path, ret_value, error);
    if (!value)
        value = setting->standard;
    *ret_value = value ? xstrdup(value) : NULL;
    return 0;
}

static int load(const struct setting *setting, struct config *config, char error[CONFIG_ERROR_SIZE])
{
    char *value = NULL;
    int rc = find_value(setting, &value, error);
    if (rc < 0)
        return rc;
    if (!value) {
        bool is_secret = setting_is_secret(setting);
        snprintf(error, CONFIG_ERROR_SIZE, "%s is not set%s%s%s: it is required", setting->variable,
                 is_secret ? " (nor " : "", is_secret ? setting->variable : "",
                 is_secret ? "_FILE)" : "");
        return -EINVAL;
    }
    rc = setting_parse(setting, span_text(value), config);
    if (rc < 0)
        complain_value(setting, value, rc == -ERANGE ? "is out of range" : "is malformed", error);
    if (setting_is_secret(setting))
        explicit_bzero(value, strlen(value));
    free(value);
    return rc < 0 ? -EINVAL : 0;
}

/* What one setting demands of another. Fields of other programs are 0 and demand nothing. */
static int check_together(const struct config *config, char error[CONFIG_ERROR_SIZE])
{
    const uint64_t quarter = config->link_buffer_bytes / 4;
    const struct {
        const char *variable, *unit, *bound;
        uint64_t value, most;
    } rules[] = {
        {"HEARTBEAT_INTERVAL", "ms", "a quarter of PEER_TIMEOUT", (uint64_t)config->heartbeat_ms,
         (uint64_t)config->peer_timeout_ms / 4},
        {"BATCH_BYTES", "", "a quarter of LINK_BUFFER_BYTES", config->batch_bytes, quarter},
        {"MESSAGE_LIMIT", "", "a quarter of LINK_BUFFER_BYTES", config->message_limit_bytes,
         quarter},
        {"MESSAGE_LIMIT", "", "a quarter of EDGE_UNFINISHED_LIMIT", config->message_limit_bytes,
         config->edge_unfinished_bytes / 4},
        {"PUBLISH_LIMIT", "", "a quarter of LINK_BUFFER_BYTES", config->publish_bytes, quarter},
        {"SEND_QUEUE_LIMIT", "", "EDGE_SEND_LIMIT", config->send_queue_bytes,
         config->edge_send_bytes},
        {"EVENT_QUEUE_LIMIT", "", "EDGE_EVENT_LIMIT", config->event_queue_bytes,
         config->edge_event_bytes},
        {"RETRY_FIRST", "ms", "RETRY_LAST", (uint64_t)config->retry_first_ms,
         (uint64_t)config->retry_last_ms},
        {"BREAKER_PROBE_INTERVAL", "ms", "BREAKER_PROBE_LAST", (uint64_t)config->breaker_first_ms,
         (uint64_t)config->breaker_last_ms},
        {"CONTROL_BODY_LIMIT", "", "CONTROL_INFLIGHT_LIMIT", config->control_body_bytes,
         config->control_inflight_bytes},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
        if (rules[i].value > rules[i].most) {
            snprintf(error, CONFIG_ERROR_SIZE,
                     "%s is %" PRIu64 "%s: must be at most %s, %" PRIu64 "%s", rules[i].variable,
                     rules[i].value, rules[i].unit, rules[i].bound, rules[i].most, rules[i].unit);
            return -EINVAL;
        }
    return 0;
}

int config_load(enum program_id program, struct config *ret_config,
                char ret_error[CONFIG_ERROR_SIZE])
{
    struct config config = {0};
    int rc = 0;
    for (size_t i = 0; i < setting_count && rc == 0; i++)
        if (settings[i].programs & program)
            rc = load(&settings[i], &config, ret_error);
    if (rc == 0)
        rc = check_together(&config, ret_error);
    if (rc == 0)
        *ret_config = config;
    else
        config_fini(&config);
    return rc;
}

void config_fini(struct config *config)
{
    for (size_t i = 0; i < setting_count; i++)
        setting_fini(&settings[i], config);
    *config = (struct config){0};
}

void config_print(enum program_id program, const struct config *config, FILE *stream)
{
    struct buffer buffer = {0};
    for (size_t i = 0; i < setting_count; i++) {
        if (!(settings[i].programs & program))
            continue;
        buffer_append_format(&buffer, "%s=", settings[i].variable);
        setting_format(&settings[i], config, &buffer);
        buffer_append_byte(&buffer, '\n');
    }
    fwrite(buffer.data, 1, buffer.length, stream);
    buffer_fini(&buffer);
}
