#include <stdarg.h>
#include <stdio.h>

#include "clients/c/internal.h"
#include "common/text/utf8.h"

static const char *const names[] = {
    [SLIP_OK] = "ok",
    [SLIP_INVALID] = "invalid",
    [SLIP_DENIED] = "denied",
    [SLIP_NO_SUCH_CONNECTION] = "no-such-connection",
    [SLIP_NOT_FOUND] = "not-found",
    [SLIP_CONFLICT] = "conflict",
    [SLIP_NOT_APPLIED] = "not-applied",
    [SLIP_OVERLOADED] = "overloaded",
    [SLIP_UNAVAILABLE] = "unavailable",
    [SLIP_UNREACHABLE] = "unreachable",
    [SLIP_TIMED_OUT] = "timed-out",
    [SLIP_UNEXPECTED] = "unexpected",
    [SLIP_STOPPED] = "stopped",
};

const char *slip_version(void)
{
    return SLIP_VERSION;
}

const char *slip_result_name(enum slip_result result)
{
    return (size_t)result < ARRAY_LENGTH(names) ? names[result] : "unknown";
}

void error_clean(struct slip_error *error)
{
    char *text = error->message;
    text[utf8_valid_length(span_text(text))] = '\0';
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

enum slip_result error_set(struct slip_error *error, enum slip_result result, const char *format,
                           ...)
{
    va_list arguments;

    if (!error)
        return result;
    *error = (struct slip_error){.result = result};
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error_clean(error);
    return result;
}
