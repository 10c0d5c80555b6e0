/* Single commands by the resources of /v1. Bodies and checks are those of the command lists. */
#include <stdlib.h>

#include "clients/c/internal.h"
#include "common/contract/rules.h"
#include "common/text/base64.h"
#include "common/text/json.h"
#include "common/text/utf8.h"

/* RFC 3986 §2.3 */
static void append_encoded(struct buffer *path, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') || strchr("-._~", byte);
        if (is_plain)
            buffer_append_byte(path, *text);
        else
            buffer_append_format(path, "%%%02X", byte);
    }
}

/* A segment of dots alone would be taken for a step in the path (RFC 3986 §5.2.4) by libcurl and by
 * proxies, also when it is encoded: nobody can be asked for it. */
char *slip_path_new(const char *pattern, const char *const *texts, size_t count)
{
    struct buffer path = {0};
    size_t used = 0;

    for (; *pattern; pattern++) {
        if (pattern[0] == '{' && pattern[1] == '}' && used < count) {
            append_encoded(&path, texts[used++]);
            pattern++;
        } else {
            buffer_append_byte(&path, *pattern);
        }
    }
    return buffer_take(&path);
}

static const char *check_segment(const char *text)
{
    if (!text || !*text)
        return "is empty";
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return "cannot stand in a path; send a list";
    return utf8_is_valid(span_text(text)) ? NULL : "is not UTF-8";
}

/* A command at a path; takes the body. */
static enum slip_result command(struct slip_publisher *publisher, const char *method,
                                const char *pattern, const char *first, const char *second,
                                struct buffer *body, struct slip_error *error)
{
    const char *texts[] = {first, second};
    const char *reason = check_segment(first);
    char *text = body ? buffer_take(body) : NULL;
    enum slip_result result = SLIP_INVALID;
    char *answer = NULL;
    size_t length;

    if (!reason && second)
        reason = check_segment(second);
    if (reason) {
        error_set(error, SLIP_INVALID, "the connection or channel %s", reason);
    } else {
        char *path = slip_path_new(pattern, texts, second ? 2 : 1);
        result = slip_publisher_call(publisher, method, path, text, &answer, &length, error);
        free(path);
    }
    free(answer);
    free(text);
    return result;
}

static enum slip_result message(struct slip_publisher *publisher, const char *pattern,
                                const char *target, const void *data, size_t length, bool is_binary,
                                struct slip_error *error)
{
    struct span span = length == SLIP_TEXT ? span_text(data) : span_of(data, length);
    struct buffer body = {0};

    if (!is_binary && !utf8_is_valid(span))
        return error_set(error, SLIP_INVALID, "data is not UTF-8");
    buffer_append_text(&body, "{\"data\":");
    if (is_binary) {
        buffer_append_byte(&body, '"');
        base64_append(&body, span);
        buffer_append_text(&body, "\",\"binary\":true");
    } else {
        json_append_string(&body, span);
    }
    buffer_append_byte(&body, '}');
    return command(publisher, "POST", pattern, target, NULL, &body, error);
}

static enum slip_result closing(struct slip_publisher *publisher, const char *pattern,
                                const char *target, uint16_t code, const char *reason,
                                struct slip_error *error)
{
    const char *wrong = code ? rules_check_close_code(code) : NULL;
    struct buffer body = {0};

    if (wrong)
        return error_set(error, SLIP_INVALID, "code %s", wrong);
    wrong = rules_check_reason(span_text(reason));
    if (wrong)
        return error_set(error, SLIP_INVALID, "reason %s", wrong);
    buffer_append_format(&body,
                         "{\"code\":%d,\"reason\":", code ? (int)code : RULES_CLOSE_CODE_DEFAULT);
    json_append_string(&body, span_text(reason));
    buffer_append_byte(&body, '}');
    return command(publisher, "POST", pattern, target, NULL, &body, error);
}

enum slip_result slip_publisher_publish_text(struct slip_publisher *publisher, const char *channel,
                                             const char *data, size_t length,
                                             struct slip_error *error)
{
    return message(publisher, "/v1/channels/{}/messages", channel, data, length, false, error);
}

enum slip_result slip_publisher_publish_binary(struct slip_publisher *publisher,
                                               const char *channel, const void *data, size_t length,
                                               struct slip_error *error)
{
    return message(publisher, "/v1/channels/{}/messages", channel, data, length, true, error);
}

enum slip_result slip_publisher_send_text(struct slip_publisher *publisher, const char *connection,
                                          const char *data, size_t length, struct slip_error *error)
{
    return message(publisher, "/v1/connections/{}/messages", connection, data, length, false,
                   error);
}

enum slip_result slip_publisher_send_binary(struct slip_publisher *publisher,
                                            const char *connection, const void *data, size_t length,
                                            struct slip_error *error)
{
    return message(publisher, "/v1/connections/{}/messages", connection, data, length, true, error);
}

enum slip_result slip_publisher_close(struct slip_publisher *publisher, const char *connection,
                                      uint16_t code, const char *reason, struct slip_error *error)
{
    return closing(publisher, "/v1/connections/{}/close", connection, code, reason, error);
}

enum slip_result slip_publisher_close_channel(struct slip_publisher *publisher, const char *channel,
                                              uint16_t code, const char *reason,
                                              struct slip_error *error)
{
    return closing(publisher, "/v1/channels/{}/close", channel, code, reason, error);
}

enum slip_result slip_publisher_subscribe(struct slip_publisher *publisher, const char *connection,
                                          const char *channel, struct slip_error *error)
{
    return command(publisher, "PUT", "/v1/connections/{}/subscriptions/{}", connection,
                   channel ? channel : "", NULL, error);
}

enum slip_result slip_publisher_unsubscribe(struct slip_publisher *publisher,
                                            const char *connection, const char *channel,
                                            struct slip_error *error)
{
    return command(publisher, "DELETE", "/v1/connections/{}/subscriptions/{}", connection,
                   channel ? channel : "", NULL, error);
}

enum slip_result slip_publisher_set_metadata(struct slip_publisher *publisher,
                                             const char *connection, const char *json,
                                             struct slip_error *error)
{
    struct buffer body = {0};

    if (!json_is_valid(span_text(json)))
        return error_set(error, SLIP_INVALID, "metadata is not JSON");
    buffer_append_text(&body, json);
    return command(publisher, "PUT", "/v1/connections/{}/metadata", connection, NULL, &body, error);
}
