#include "webhook-worker/http/answer.h"

#include <curl/curl.h>
#include <time.h>

#include "webhook-worker/http/transfer.h"

enum {
    SKIP_BODY = 1, /* http_parser's on_headers_complete */
    SWITCHING_PROTOCOLS = 101,
};

/* http_parser keeps its own copy of it for the whole process. */
static size_t head_limit_bytes = HTTP_MAX_HEADER_SIZE;

static struct http_answer *answer_of(const http_parser *parser)
{
    return parser->data;
}

static void cut_clear(struct http_cut_text *text)
{
    text->length = 0;
    text->data[0] = '\0';
}

static void cut_append(struct http_cut_text *text, const char *data, size_t length)
{
    length = min_size(length, sizeof(text->data) - 1 - text->length);
    memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

static struct span cut_span(const struct http_cut_text *text)
{
    return span_of(text->data, text->length);
}

static bool is_interim(const http_parser *parser)
{
    return parser->status_code < 200 && parser->status_code != SWITCHING_PROTOCOLS;
}

/* The reason, which nobody wants, empty or not; so the line of status was read. */
static int on_reason(http_parser *parser, const char *data, size_t length)
{
    (void)data;
    (void)length;
    answer_of(parser)->status = is_interim(parser) ? 0 : parser->status_code;
    return 0;
}

static int on_header_name(http_parser *parser, const char *data, size_t length)
{
    struct http_answer *answer = answer_of(parser);
    if (answer->status < 300)
        return 0;
    if (answer->is_in_value)
        cut_clear(&answer->name);
    answer->is_in_value = false;
    cut_append(&answer->name, data, length);
    return 0;
}

static int on_header_value(http_parser *parser, const char *data, size_t length)
{
    struct http_answer *answer = answer_of(parser);
    bool is_first = !answer->is_in_value;
    answer->is_in_value = true;
    if (answer->status < 300 ||
        !span_equal_nocase(cut_span(&answer->name), span_text("Retry-After")))
        return 0;
    if (is_first)
        cut_clear(&answer->retry_after);
    cut_append(&answer->retry_after, data, length);
    return 0;
}

/* They end with their head, whatever it says about a body (RFC 9112 §6.3). */
static bool is_bodyless(const http_parser *parser)
{
    return is_interim(parser) || parser->status_code == 204 || parser->status_code == 304;
}

static bool announces_body(const http_parser *parser)
{
    return parser->flags & F_CHUNKED ||
           (parser->flags & F_CONTENTLENGTH && parser->content_length > 0);
}

/* Both lengths at once: what one side takes for the end, another may not. */
static bool is_ambiguous(const http_parser *parser)
{
    return parser->flags & F_CHUNKED && parser->flags & F_CONTENTLENGTH;
}

static int on_head_complete(http_parser *parser)
{
    struct http_answer *answer = answer_of(parser);
    answer->is_head_over = !is_interim(parser);
    if (is_ambiguous(parser) || (is_bodyless(parser) && announces_body(parser)))
        answer->is_last = true;
    return is_bodyless(parser) ? SKIP_BODY : 0;
}

static int on_body(http_parser *parser, const char *data, size_t length)
{
    struct http_answer *answer = answer_of(parser);
    if (length > answer->body_limit - answer->body.length) {
        answer->state = HTTP_ANSWER_TOO_BIG;
        return -1;
    }
    buffer_append(&answer->body, data, length);
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct http_answer *answer = answer_of(parser);
    if (is_interim(parser))
        return 0;
    answer->state = HTTP_ANSWER_COMPLETE;
    answer->keeps_alive = http_should_keep_alive(parser) && !answer->is_last &&
                          parser->status_code != SWITCHING_PROTOCOLS;
    http_parser_pause(parser, 1);
    return 0;
}

static size_t execute(struct http_answer *answer, const char *data, size_t length)
{
    static const http_parser_settings settings = {
        .on_status = on_reason,
        .on_header_field = on_header_name,
        .on_header_value = on_header_value,
        .on_headers_complete = on_head_complete,
        .on_body = on_body,
        .on_message_complete = on_complete,
    };
    return http_parser_execute(&answer->parser, &settings, data, length);
}

void http_answer_limit_heads(uint32_t bytes)
{
    head_limit_bytes = bytes;
    http_parser_set_max_header_size(bytes);
}

void http_answer_init(struct http_answer *answer)
{
    *answer = (struct http_answer){0};
}

void http_answer_fini(struct http_answer *answer)
{
    buffer_fini(&answer->body);
}

void http_answer_begin(struct http_answer *answer, size_t body_limit)
{
    http_parser_init(&answer->parser, HTTP_RESPONSE);
    answer->parser.data = answer;
    answer->parser.allow_chunked_length = 1; /* as most clients do (RFC 9112 §6.3: chunked wins) */
    answer->state = HTTP_ANSWER_PARTIAL;
    answer->status = 0;
    buffer_clear(&answer->body);
    answer->body_limit = body_limit;
    answer->head_bytes = 0;
    answer->is_head_over = false;
    answer->is_last = false;
    answer->keeps_alive = false;
    answer->is_in_value = false;
    cut_clear(&answer->name);
    cut_clear(&answer->retry_after);
}

/* Heads are limited one by one by the parser; here, so that interim ones cannot go on for ever. */
static void count_head(struct http_answer *answer, size_t length)
{
    if (answer->is_head_over)
        return;
    answer->head_bytes += length;
    if (answer->head_bytes > head_limit_bytes)
        answer->state = HTTP_ANSWER_TOO_BIG;
}

enum http_answer_state http_answer_feed(struct http_answer *answer, const char *data, size_t length)
{
    if (answer->state != HTTP_ANSWER_PARTIAL || length == 0)
        return answer->state;
    size_t used = execute(answer, data, length);
    enum http_errno problem = HTTP_PARSER_ERRNO(&answer->parser);
    if (answer->state == HTTP_ANSWER_COMPLETE)
        answer->keeps_alive &= used == length;
    else if (problem == HPE_HEADER_OVERFLOW)
        answer->state = HTTP_ANSWER_TOO_BIG;
    else if (problem != HPE_OK && answer->state == HTTP_ANSWER_PARTIAL)
        answer->state = HTTP_ANSWER_INVALID;
    else
        count_head(answer, length);
    return answer->state;
}

enum http_answer_state http_answer_end(struct http_answer *answer)
{
    if (answer->state == HTTP_ANSWER_PARTIAL)
        (void)execute(answer, NULL, 0);
    answer->keeps_alive = false;
    return answer->state;
}

const char *http_answer_problem(const struct http_answer *answer)
{
    if (answer->state != HTTP_ANSWER_INVALID)
        return "the connection ended before the answer was complete";
    return http_errno_description(HTTP_PARSER_ERRNO(&answer->parser));
}

int64_t http_answer_retry_after_ms(const struct http_answer *answer)
{
    uint64_t seconds;
    struct span text = span_trim(cut_span(&answer->retry_after));
    if (span_to_u64(text, UINT64_MAX, &seconds) == 0)
        return transfer_retry_after_ms(seconds > INT64_MAX ? INT64_MAX : (int64_t)seconds);
    time_t then = curl_getdate(answer->retry_after.data, NULL);
    return then < 0 ? 0 : transfer_retry_after_ms((int64_t)(then - time(NULL)));
}
