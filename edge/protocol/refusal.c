#include "edge/protocol/refusal.h"

#include "common/contract/rules.h"

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

bool response_header_is_valid(const struct response_header *header)
{
    return !rules_check_header_name(header->name) && !rules_check_header_value(header->value);
}

void response_headers_append(struct buffer *out, const struct response_header *headers,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!response_header_is_valid(&headers[i]))
            continue;
        buffer_append_span(out, headers[i].name);
        buffer_append_text(out, ": ");
        buffer_append_span(out, headers[i].value);
        buffer_append_text(out, "\r\n");
    }
}

bool refusal_status_is_valid(int status)
{
    return (status >= 400 && status <= 599) || (status >= 301 && status <= 303) || status == 307 ||
           status == 308;
}

const char *refusal_phrase(int status)
{
    for (size_t i = 0; i < ARRAY_LENGTH(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    if (status >= 500)
        return "Server Error";
    return status >= 400 ? "Client Error" : "Redirection";
}

static bool has_content_type(const struct response_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(headers[i].name, span_text("content-type")) &&
            response_header_is_valid(&headers[i]))
            return true;
    return false;
}

void refusal_append(struct buffer *out, int status, struct span body,
                    const struct response_header *headers, size_t header_count, bool head_only)
{
    if (!refusal_status_is_valid(status))
        status = 403;
    if (body.length == 0)
        body = span_text(refusal_phrase(status));
    buffer_append_format(out, "HTTP/1.1 %d %s\r\n", status, refusal_phrase(status));
    if (status == 426) /* the sender of Upgrade names it in Connection too (RFC 9110 §7.8) */
        buffer_append_text(out, "Connection: close, Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\n");
    else
        buffer_append_text(out, "Connection: close\r\n");
    if (status == 405)
        buffer_append_text(out, "Allow: GET, HEAD\r\n");
    if (!has_content_type(headers, header_count))
        buffer_append_text(out, "Content-Type: text/plain; charset=utf-8\r\n");
    response_headers_append(out, headers, header_count);
    buffer_append_format(out, "Content-Length: %zu\r\n\r\n", body.length);
    if (!head_only)
        buffer_append_span(out, body);
}
