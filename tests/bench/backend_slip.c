#include "tests/bench/backend_slip.h"

#include "tests/bench/fail.h"

/* JSON is scanned, not parsed: strings are handed on as they are written, escapes and all. */
struct scan {
    const char *at;
    const char *end;
};

static char peek(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t'))
        scan->at++;
    if (scan->at == scan->end)
        fail("the broker's request ends too early");
    return *scan->at;
}

static void expect(struct scan *scan, char c)
{
    if (peek(scan) != c)
        fail("the broker's request has '%c' where '%c' belongs: %.40s", *scan->at, c, scan->at);
    scan->at++;
}

/* True, and past it, when the next is `c`. */
static bool accept_byte(struct scan *scan, char c)
{
    bool is_there = peek(scan) == c;
    scan->at += is_there;
    return is_there;
}

/* The inside of a string. */
static struct span take_string(struct scan *scan)
{
    expect(scan, '"');
    const char *start = scan->at;
    for (;;) {
        const char *quote = memchr(scan->at, '"', (size_t)(scan->end - scan->at));
        if (!quote)
            fail("the broker's request has a string without an end");
        const char *first = quote;
        while (first > start && first[-1] == '\\')
            first--;
        scan->at = quote + 1;
        if ((quote - first) % 2 == 0)
            return span_of(start, (size_t)(quote - start));
    }
}

static void skip_value(struct scan *scan)
{
    unsigned depth = 0;
    do {
        char c = peek(scan);
        if (c == '"') {
            (void)take_string(scan);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (c != ',' && c != ':')
            while (scan->at + 1 < scan->end && !strchr(",]}", scan->at[1]))
                scan->at++;
        scan->at++;
    } while (depth > 0);
}

/* ---- answering ---- */

/* How every command begins; the type and the connection are written as they came. */
static void begin_command(struct buffer *answer, const char *type, struct span connection)
{
    buffer_append_text(answer,
                       answer->data[answer->length - 1] == '[' ? "{\"type\":\"" : ",{\"type\":\"");
    buffer_append_text(answer, type);
    buffer_append_text(answer, "\",\"connectionId\":\"");
    buffer_append_span(answer, connection);
}

static void command_each(struct buffer *answer, const char *type, struct span connection,
                         struct span channels)
{
    while (channels.data && channels.length > 0) {
        struct span channel = span_split(&channels, ',');
        begin_command(answer, type, connection);
        buffer_append_text(answer, "\",\"channel\":\"");
        buffer_append_span(answer, channel);
        buffer_append_text(answer, "\"}");
    }
}

static struct span after(struct span text, size_t length)
{
    return span_of(text.data + length, text.length - length);
}

static void answer_text(struct buffer *answer, struct span connection, struct span data)
{
    if (data.length > 0 && (data.data[0] == '+' || data.data[0] == '-'))
        command_each(answer, data.data[0] == '+' ? "SUBSCRIBE" : "UNSUBSCRIBE", connection,
                     after(data, 1));
    begin_command(answer, "TEXT", connection);
    buffer_append_text(answer, "\",\"data\":\"");
    buffer_append_span(answer, data);
    buffer_append_text(answer, "\"}");
}

static void answer_open(struct buffer *answer, struct span connection, struct span path)
{
    static const struct span join = {"/join/", 6};
    begin_command(answer, "ACCEPT", connection);
    buffer_append_text(answer, "\"}");
    if (span_starts_with(path, join))
        command_each(answer, "SUBSCRIBE", connection, after(path, join.length));
}

/* ---- reading ---- */

static void take_event(struct scan *scan, struct buffer *answer)
{
    struct span type = {0}, connection = {0}, data = {0}, path = {0};
    expect(scan, '{');
    do {
        struct span name = take_string(scan);
        expect(scan, ':');
        if (span_is(name, "type"))
            type = take_string(scan);
        else if (span_is(name, "connectionId"))
            connection = take_string(scan);
        else if (span_is(name, "data"))
            data = take_string(scan);
        else if (span_is(name, "path"))
            path = take_string(scan);
        else
            skip_value(scan);
    } while (accept_byte(scan, ','));
    expect(scan, '}');
    if (span_is(type, "TEXT"))
        answer_text(answer, connection, data);
    else if (span_is(type, "OPEN"))
        answer_open(answer, connection, path);
    else if (!span_is(type, "CLOSE"))
        fail("an event of an unknown type: %.*s", SPAN_ARGS(type));
}

static void take_item(struct scan *scan, struct buffer *answer);

static void take_array(struct scan *scan, struct buffer *answer,
                       void (*take)(struct scan *scan, struct buffer *answer))
{
    expect(scan, '[');
    do
        take(scan, answer);
    while (accept_byte(scan, ','));
    expect(scan, ']');
}

/* {"connectionId": …, "metadata": …, "events": […]} or {"batch": [such, …]} */
static void take_item(struct scan *scan, struct buffer *answer)
{
    expect(scan, '{');
    do {
        struct span name = take_string(scan);
        expect(scan, ':');
        if (span_is(name, "events"))
            take_array(scan, answer, take_event);
        else if (span_is(name, "batch"))
            take_array(scan, answer, take_item);
        else
            skip_value(scan);
    } while (accept_byte(scan, ','));
    expect(scan, '}');
}

void backend_slip_answer(struct span body, struct buffer *answer)
{
    struct scan scan = {.at = body.data, .end = body.data + body.length};
    buffer_append_text(answer, "{\"events\":[");
    take_item(&scan, answer);
    buffer_append_text(answer, "]}");
}
