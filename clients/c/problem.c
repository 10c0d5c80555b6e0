#include <stdio.h>
#include <stdlib.h>

#include "clients/c/internal.h"
#include "common/text/json.h"

/* By type first, then by status. */
static const struct {
    const char *type;
    enum slip_result result;
} types[] = {
    {"/problems/no-such-connection", SLIP_NO_SUCH_CONNECTION},
    {"/problems/not-applied-in-time", SLIP_NOT_APPLIED},
    {"/problems/overloaded", SLIP_OVERLOADED},
};

static enum slip_result result_of(unsigned int status, const char *type)
{
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (strcmp(type, types[i].type) == 0)
            return types[i].result;
    switch (status) {
    case 401:
    case 403:
        return SLIP_DENIED;
    case 404:
        return SLIP_NOT_FOUND;
    case 409:
        return SLIP_CONFLICT;
    case 429:
        return SLIP_OVERLOADED;
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return SLIP_INVALID;
    return status >= 500 ? SLIP_UNAVAILABLE : SLIP_UNEXPECTED;
}

/* A string member's text, cut to what `text` holds. */
static void take_text(struct json_reader *reader, char *text, size_t size)
{
    struct json_value value = json_take_string(reader);
    size_t length = 0;

    if (reader->error)
        return;
    char *whole = xmalloc(value.raw.length);
    if (json_unescape(&value, whole, &length) == 0)
        snprintf(text, size, "%.*s", (int)min_size(length, size), whole);
    free(whole);
}

struct problem_texts {
    char title[128];
    char detail[256];
    char message[64]; /* the contract's own 400 */
};

static void read_texts(struct span body, struct problem_texts *texts, struct slip_error *error)
{
    struct json_reader reader;
    struct span key;

    json_reader_init(&reader, body);
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        if (span_is(key, "type"))
            take_text(&reader, error->type, sizeof error->type);
        else if (span_is(key, "title"))
            take_text(&reader, texts->title, sizeof texts->title);
        else if (span_is(key, "detail"))
            take_text(&reader, texts->detail, sizeof texts->detail);
        else if (span_is(key, "message"))
            take_text(&reader, texts->message, sizeof texts->message);
        else
            json_skip(&reader);
    }
    if (json_finish(&reader) < 0)
        error->type[0] = texts->title[0] = texts->detail[0] = texts->message[0] = '\0';
}

enum slip_result problem_read(unsigned int status, struct span body, struct span detail,
                              struct slip_error *error)
{
    struct problem_texts texts = {{0}, {0}, {0}};

    *error = (struct slip_error){.status = status};
    read_texts(body, &texts, error);
    error->result = result_of(status, error->type);
    const char *title = texts.title[0] ? texts.title : texts.message;
    if (texts.detail[0])
        detail = span_text(texts.detail);
    if (detail.length > 0)
        snprintf(error->message, sizeof error->message, "%.100s: %.*s", title,
                 (int)min_size(detail.length, 150), detail.data);
    else if (title[0])
        snprintf(error->message, sizeof error->message, "%s", title);
    else
        snprintf(error->message, sizeof error->message, "the broker answered %u", status);
    error_clean(error);
    return error->result;
}
