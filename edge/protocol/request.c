#include "edge/protocol/request.h"

#include <errno.h>

#include "common/contract/rules.h"

static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

struct request_line {
    bool is_head;
    struct span target;
};

static int refuse(struct refusal *ret_refusal, int status, const char *detail)
{
    *ret_refusal = (struct refusal){.status = status, .detail = detail};
    return -EBADMSG;
}

static bool is_alphanumeric(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* uri-host and port (RFC 3986 §3.2.2) by their characters; no userinfo. Empty is allowed: the
 * target has no authority then (RFC 9112 §3.2). */
static bool is_host(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!is_alphanumeric(c) && (c == '\0' || !strchr("-._~!$&'()*+,;=%:[]", c)))
            return false;
    }
    return true;
}

/* Characters that a URI does not allow but browsers send ("|", "{") pass; a fragment does not. */
static bool is_target(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#')
            return false;
    }
    return text.length > 0;
}

/* Brings absolute-form, which every server must accept (RFC 9112 §3.2.2), to origin-form. */
static int to_origin_form(struct span *target)
{
    if (target->data[0] == '/')
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
        size_t length = strlen(schemes[i]);
        if (target->length <= length ||
            !span_equal_nocase(span_of(target->data, length), span_text(schemes[i])))
            continue;
        struct span rest = span_of(target->data + length, target->length - length);
        const char *slash = memchr(rest.data, '/', rest.length);
        size_t host_length = slash ? (size_t)(slash - rest.data) : rest.length;
        if (host_length == 0 || !is_host(span_of(rest.data, host_length)))
            return -EINVAL;
        *target = slash ? span_of(slash, rest.length - host_length) : span_text("/");
        return 0;
    }
    return -EINVAL;
}

static int check_version(struct span version, struct refusal *ret_refusal)
{
    const char *v = version.data;
    if (version.length != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' ||
        v[6] != '.' || v[7] < '0' || v[7] > '9')
        return refuse(ret_refusal, 400, "Malformed HTTP version.");
    if (v[5] != '1' || v[7] == '0')
        return refuse(ret_refusal, 505, "Only HTTP/1.1 is spoken here.");
    return 0;
}

/* method SP target SP version, RFC 9112 §3. */
static int parse_request_line(struct span line, struct request_line *ret_line,
                              struct refusal *ret_refusal)
{
    struct span rest = line;
    struct span method = span_split(&rest, ' ');
    struct span target = span_split(&rest, ' ');
    if (!rules_is_token(method) || !rest.data || !is_target(target))
        return refuse(ret_refusal, 400, "Malformed request line.");
    int r = check_version(rest, ret_refusal);
    if (r < 0)
        return r;
    bool is_head = span_is(method, "HEAD");
    if (!is_head && !span_is(method, "GET"))
        return refuse(ret_refusal, 405, "Only GET opens a WebSocket.");
    if (to_origin_form(&target) < 0)
        return refuse(ret_refusal, 400, "Malformed request target.");
    *ret_line = (struct request_line){.is_head = is_head, .target = target};
    return 0;
}

/* Checks `name: value` (RFC 9112 §5.1) and lower-cases the name. */
static int check_header_line(char *line, size_t length, struct refusal *ret_refusal)
{
    if (line[0] == ' ' || line[0] == '\t')
        return refuse(ret_refusal, 400, "Folded headers are not allowed.");
    char *colon = memchr(line, ':', length);
    if (!colon || !rules_is_token(span_of(line, (size_t)(colon - line))))
        return refuse(ret_refusal, 400, "Malformed header.");
    for (char *c = line; c < colon; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return 0;
}

static struct request_header split_header(struct span line)
{
    struct span value = line;
    struct span name = span_split(&value, ':');
    return (struct request_header){.name = name, .value = span_trim(value)};
}

int request_header(const struct request *request, const char *name, struct span *ret_value)
{
    size_t position = 0;
    struct span value, other;
    if (!request_header_next(request, name, &position, &value))
        return -ENOENT;
    if (request_header_next(request, name, &position, &other))
        return -EEXIST;
    *ret_value = value;
    return 0;
}

bool request_header_next(const struct request *request, const char *name, size_t *position,
                         struct span *ret_value)
{
    while (*position < request->header_count) {
        const struct request_header *header = &request->headers[(*position)++];
        if (span_is(header->name, name)) {
            *ret_value = header->value;
            return true;
        }
    }
    return false;
}

/* What the headers together must say: one Host (RFC 9112 §3.2), no body (§6.1: a request that is
 * framed in a way we do not read could hide a second one). */
static int check_headers(struct request *request, struct refusal *ret_refusal)
{
    struct span value;
    int r = request_header(request, "host", &value);
    if (r == -ENOENT)
        return refuse(ret_refusal, 400, "The Host header is missing.");
    if (r < 0 || !is_host(value))
        return refuse(ret_refusal, 400, "Malformed or repeated Host header.");
    request->host = value;
    if (request_header(request, "transfer-encoding", &value) != -ENOENT)
        return refuse(ret_refusal, 400, "A WebSocket request has no body.");
    uint64_t body_length;
    r = request_header(request, "content-length", &value);
    if (r != -ENOENT && (r < 0 || span_to_u64(value, 0, &body_length) < 0))
        return refuse(ret_refusal, 400, "A WebSocket request has no body.");
    return 0;
}

static void set_target(struct request *request, struct span target)
{
    const char *mark = memchr(target.data, '?', target.length);
    size_t path_length = mark ? (size_t)(mark - target.data) : target.length;
    request->target = target;
    request->path = span_of(target.data, path_length);
    request->has_query = mark != NULL;
    if (mark)
        request->query = span_of(mark + 1, target.length - path_length - 1);
}

/* Takes the next line off a head whose lines were all checked. */
static struct span next_line(struct span *rest)
{
    struct span line = span_split(rest, '\n');
    line.length--; /* its CR */
    return line;
}

static int build(const struct request_parser *parser, const char *data, struct request *ret_request,
                 struct refusal *ret_refusal)
{
    struct span rest = span_of(data + parser->first_line, parser->scanned - parser->first_line);
    struct request_line line = {0};
    int r = parse_request_line(next_line(&rest), &line, ret_refusal);
    ASSERT(r == 0); /* it passed when it arrived */
    struct request request = {.is_head = line.is_head, .consumed = parser->scanned};
    set_target(&request, line.target);
    while (request.header_count < parser->header_count)
        request.headers[request.header_count++] = split_header(next_line(&rest));
    r = check_headers(&request, ret_refusal);
    if (r == 0)
        *ret_request = request;
    return r;
}

/* A line that has arrived, without its CRLF. 0: go on; 1: that was the empty one at the end. */
static int take_line(struct request_parser *parser, char *line, size_t length,
                     struct refusal *ret_refusal)
{
    struct request_line ignored;
    if (parser->has_request_line) {
        if (length == 0)
            return 1;
        if (parser->header_count == REQUEST_HEADERS_MAX)
            return refuse(ret_refusal, 431, "Too many headers.");
        parser->header_count++;
        return check_header_line(line, length, ret_refusal);
    }
    if (length == 0) { /* one is forgiven: RFC 9112 §2.2 */
        if (parser->has_empty_line)
            return refuse(ret_refusal, 400, "Malformed request line.");
        parser->has_empty_line = true;
        return 0;
    }
    parser->first_line = parser->line;
    parser->has_request_line = true;
    return parse_request_line(span_of(line, length), &ignored, ret_refusal);
}

void request_parser_init(struct request_parser *parser, size_t limit_bytes)
{
    *parser = (struct request_parser){.limit = limit_bytes};
}

/* May this byte stand here? A CR only before a LF, a LF only after a CR, no other controls. */
static bool is_in_place(const char *data, size_t line, size_t i)
{
    unsigned char c = (unsigned char)data[i];
    bool after_cr = i > line && data[i - 1] == '\r';
    if (after_cr || c == '\n')
        return after_cr && c == '\n';
    return c >= ' ' ? c != 0x7f : c == '\t' || c == '\r';
}

int request_parse(struct request_parser *parser, char *data, size_t length,
                  struct request *ret_request, struct refusal *ret_refusal)
{
    while (parser->scanned < length) {
        size_t i = parser->scanned++;
        if (i >= parser->limit && !parser->has_request_line)
            return refuse(ret_refusal, 414, "The request line is too long.");
        if (i >= parser->limit)
            return refuse(ret_refusal, 431, "The headers are too large.");
        if (!is_in_place(data, parser->line, i))
            return refuse(ret_refusal, 400, "Malformed line.");
        if (data[i] != '\n')
            continue;
        int r = take_line(parser, data + parser->line, i - 1 - parser->line, ret_refusal);
        if (r < 0)
            return r;
        if (r == 1)
            return build(parser, data, ret_request, ret_refusal);
        parser->line = i + 1;
    }
    return -EAGAIN;
}
