/* Log lines: what happened first, then key=value; logfmt or JSON, on standard error.
 *
 *     log_info("edge joined", LOG_TEXT("edge", id), LOG_SPAN("conn", conn), LOG_INT("count", n));
 *
 *     time=2031-05-04T10:11:12.345Z level=info program=slip-router msg="edge joined" edge=… count=3
 *
 * The message is a constant: what varies is a field, so that lines can be searched and counted. A
 * value may come from a stranger: control characters and broken UTF-8 are escaped, long values and
 * lines are cut (LOG_LINE_BYTES). Arguments are not evaluated when the level is off. A line is one
 * write(2); when nobody reads standard error, lines are dropped and counted instead of waited for
 * (the next line that gets through says how many). Never log a secret. Not thread-safe.
 */
#ifndef SLIP_PROCESS_LOG_H
#define SLIP_PROCESS_LOG_H

#include "common/base/span.h"

/* In the order of LOG_LEVEL in config.def. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* In the order of LOG_FORMAT in config.def. */
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum { LOG_LINE_BYTES = 4096, LOG_VALUE_BYTES = 1024 };

enum log_field_kind {
    LOG_FIELD_END,
    LOG_FIELD_TEXT,
    LOG_FIELD_INT,
    LOG_FIELD_UINT,
    LOG_FIELD_BOOL
};

/* key = value of one line; made by the macros below, lives as long as the call. */
struct log_field {
    const char *key; /* NULL: leave the field out */
    enum log_field_kind kind;
    union {
        struct span text;
        int64_t integer;
        uint64_t natural;
    } value;
};

/* Before the first line; without it lines are logfmt at info from "slip". `program` is kept. Lines
 * go to `fd`, which stays the caller's (STDERR_FILENO). */
void log_init(const char *program, enum log_level level, enum log_format format, int fd);

/* Adds id=… to every line from now on (an edge's id, say); kept as a copy, NULL takes it away. */
void log_set_id(const char *id);

extern enum log_level log_threshold; /* read by log_is_enabled only */

static inline bool log_is_enabled(enum log_level level)
{
    return level <= log_threshold;
}

/* Writes one line; `fields` ends with LOG_FIELD_END. Use the macros. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

static inline struct log_field log_field_span(const char *key, struct span value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .value.text = value};
}

static inline struct log_field log_field_int(const char *key, int64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_INT, .value.integer = value};
}

static inline struct log_field log_field_uint(const char *key, uint64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_UINT, .value.natural = value};
}

static inline struct log_field log_field_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_BOOL, .value.natural = value};
}

/* error=… in words, for a negative or positive errno. */
struct log_field log_field_errno(int error);

#define LOG_TEXT(key, text)  log_field_span(key, span_text(text)) /* NULL is empty */
#define LOG_SPAN(key, span)  log_field_span(key, span)
#define LOG_INT(key, value)  log_field_int(key, value)
#define LOG_UINT(key, value) log_field_uint(key, value)
#define LOG_BOOL(key, value) log_field_bool(key, value)
#define LOG_ERRNO(error)     log_field_errno(error)
#define LOG_END              ((struct log_field){.kind = LOG_FIELD_END})

/* log_xxx("message", fields…) */
#define log_error(...)   LOG_LINE(LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END)
#define log_warning(...) LOG_LINE(LOG_LEVEL_WARNING, __VA_ARGS__, LOG_END)
#define log_info(...)    LOG_LINE(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END)
#define log_debug(...)   LOG_LINE(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END)

#define LOG_LINE(level, message, ...)                                             \
    (log_is_enabled(level)                                                        \
         ? log_write((level), (message), (const struct log_field[]){__VA_ARGS__}) \
         : (void)0)

/* For lines that strangers can cause: at most LOG_LIMIT_LINES in LOG_LIMIT_WINDOW_MS from one
 * place; the next one after it carries suppressed=N. One static, zeroed state per place:
 *
 *     static struct log_limit limit;
 *     log_limited(&limit, LOG_LEVEL_INFO, "bad handshake", LOG_SPAN("ip", ip));
 */
struct log_limit {
    int64_t window_start_ms;
    unsigned int lines;
    uint64_t suppressed;
};

enum { LOG_LIMIT_LINES = 10, LOG_LIMIT_WINDOW_MS = 10000 };

/* May a line be written now? Counts it, written or suppressed. */
bool log_limit_admit(struct log_limit *limit);

/* suppressed=N, left out when it is 0; the count starts again. */
struct log_field log_limit_take(struct log_limit *limit);

#define log_limited(limit, level, ...)                                  \
    (log_is_enabled(level) && log_limit_admit(limit)                    \
         ? LOG_LINE(level, __VA_ARGS__, log_limit_take(limit), LOG_END) \
         : (void)0)

#endif
