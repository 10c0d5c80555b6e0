#include "control/console.h"

#include "control/control.h"

/* Nothing from elsewhere, nothing in the page itself, in nobody's frame; and with trusted types the
 * browser refuses to make markup of a string. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';" \
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"                                \
    " require-trusted-types-for 'script'; trusted-types 'none'"

enum { HEADERS_MAX = 8 };

static void answer(struct http_request *http, unsigned int status, const char *content_type,
                   struct span body, const char *name, const char *value)
{
    const struct http_header headers[HEADERS_MAX] = {
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "no-cache"}, /* kept, and asked for again by its ETag */
        {name, value},
    };
    const struct http_answer page = {.status = status,
                                     .content_type = content_type,
                                     .body = body,
                                     .headers = headers,
                                     .header_count = value ? 7 : 6};
    http_request_answer(http, &page);
}

static void answer_problem(struct http_request *http, enum problem problem, const char *name,
                           const char *value)
{
    struct buffer body = {0};
    problem_append(problem, span_of(NULL, 0), &body);
    answer(http, problem_status(problem), PROBLEM_MEDIA_TYPE, buffer_span(&body), name, value);
    buffer_fini(&body);
}

bool console_etag_matches(struct span if_none_match, const char *etag)
{
    struct span rest = if_none_match;
    while (rest.data) {
        struct span tag = span_trim(span_split(&rest, ','));
        if (span_is(tag, "*"))
            return true;
        if (span_starts_with(tag, span_text("W/")))
            tag = span_of(tag.data + 2, tag.length - 2);
        if (span_is(tag, etag))
            return true;
    }
    return false;
}

static const struct console_file *find_file(struct span path)
{
    for (size_t i = 0; i < console_file_count; i++)
        if (span_is(path, console_files[i].path))
            return &console_files[i];
    return NULL;
}

static void serve_file(struct http_request *http, const struct console_file *file)
{
    if (!span_is(http_request_method(http), "GET"))
        answer_problem(http, PROBLEM_METHOD_NOT_ALLOWED, "Allow", "GET, HEAD");
    else if (console_etag_matches(http_request_header(http, "If-None-Match"), file->etag))
        answer(http, 304, NULL, span_of(NULL, 0), "ETag", file->etag);
    else
        answer(http, 200, file->content_type, span_of(file->data, file->length), "ETag",
               file->etag);
}

void console_on_request(void *actor, struct http_request *http)
{
    struct control *control = actor;
    const struct console_file *file = find_file(http_request_target(http)->path);

    if (control->config->console && rest_is_resource(http))
        rest_handle(&control->rest, http);
    else if (control->config->console && file)
        serve_file(http, file);
    else
        answer_problem(http, PROBLEM_NOT_FOUND, NULL, NULL);
}

void console_on_gone(void *actor, struct http_request *http)
{
    (void)actor;
    rest_gone(http);
}
