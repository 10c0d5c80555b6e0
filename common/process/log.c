#include "common/process/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/log_line.h"

enum {
    ID_BYTES = 64,
    PATIENCE_MS = 100, /* for a reader that is only slow; once */
};

enum log_level log_threshold = LOG_LEVEL_INFO;

static struct {
    const char *program;
    enum log_format format;
    int fd;
    char id[ID_BYTES];
    bool is_stuck; /* the last line found no reader */
    uint64_t dropped;
} sink = {.program = "slip", .fd = STDERR_FILENO};

void log_init(const char *program, enum log_level level, enum log_format format, int fd)
{
    log_threshold = level;
    sink.program = program;
    sink.format = format;
    sink.fd = fd;
    sink.is_stuck = false;
    sink.dropped = 0;
}

void log_set_id(const char *id)
{
    snprintf(sink.id, sizeof(sink.id), "%s", id ? id : "");
}

static void format_time(char *text, size_t size)
{
    int64_t now_ms = clock_realtime_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char date[32];
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, size, "%s.%03dZ", date, (int)(now_ms % 1000));
}

/* A pipe whose reader sleeps would hold us in write(2); one that poll calls writable takes a whole
 * line (at most PIPE_BUF bytes) at once. */
static bool is_writable(void)
{
    struct pollfd state = {.fd = sink.fd, .events = POLLOUT};
    int rc = poll(&state, 1, sink.is_stuck ? 0 : PATIENCE_MS);
    return rc > 0 && (state.revents & POLLOUT);
}

static void write_line(struct span line)
{
    bool written = is_writable() && write(sink.fd, line.data, line.length) >= 0;
    sink.is_stuck = !written;
    sink.dropped = written ? 0 : sink.dropped + 1;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    static const char *const level_names[] = {"error", "warning", "info", "debug"};
    struct log_line line;
    char now[64];
    int saved_errno = errno;
    format_time(now, sizeof(now));
    log_line_begin(&line, sink.format);
    log_line_add(&line, LOG_TEXT("time", now));
    log_line_add(&line, LOG_TEXT("level", level_names[level]));
    log_line_add(&line, LOG_TEXT("program", sink.program));
    if (sink.id[0])
        log_line_add(&line, LOG_TEXT("id", sink.id));
    log_line_add(&line, LOG_TEXT("msg", message));
    for (; fields->kind != LOG_FIELD_END; fields++)
        log_line_add(&line, *fields);
    if (sink.dropped > 0)
        log_line_add(&line, LOG_UINT("dropped_lines", sink.dropped));
    write_line(log_line_end(&line));
    errno = saved_errno;
}

struct log_field log_field_errno(int error)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);
    return LOG_TEXT("error", text ? text : "unknown error");
}

bool log_limit_admit(struct log_limit *limit)
{
    int64_t now_ms = clock_monotonic_ms();
    if (limit->lines == 0 || now_ms - limit->window_start_ms >= LOG_LIMIT_WINDOW_MS) {
        limit->window_start_ms = now_ms;
        limit->lines = 0;
    }
    if (limit->lines >= LOG_LIMIT_LINES) {
        limit->suppressed++;
        return false;
    }
    limit->lines++;
    return true;
}

struct log_field log_limit_take(struct log_limit *limit)
{
    struct log_field field = LOG_UINT(limit->suppressed ? "suppressed" : NULL, limit->suppressed);
    limit->suppressed = 0;
    return field;
}
