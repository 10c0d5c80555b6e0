#include "common/process/web_origin.h"

#include <string.h>

/* The parts of scheme://host[:port]; `port` is NULL when there is none. */
struct web_origin {
    struct span scheme, host, port;
};

static bool has_only(struct span text, const char *letters)
{
    for (size_t i = 0; i < text.length; i++)
        if (!text.data[i] || !strchr(letters, text.data[i]))
            return false;
    return text.length > 0;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_host(struct span host)
{
    if (span_starts_with(host, span_text("[")))
        return host.length > 2 && host.data[host.length - 1] == ']' &&
               has_only(span_of(host.data + 1, host.length - 2), DIGITS "abcdefABCDEF:.");
    return has_only(host, LETTERS DIGITS "-._");
}

static struct span behind(struct span text, size_t length)
{
    return span_of(text.data + length, text.length - length);
}

/* The colon before the port, which an IPv6 address in brackets does not have. */
static void split_port(struct span text, struct web_origin *ret_origin)
{
    size_t at = text.length;
    while (at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9')
        at--;
    bool has_port = at > 0 && text.data[at - 1] == ':';
    ret_origin->host = has_port ? span_of(text.data, at - 1) : text;
    ret_origin->port = has_port ? behind(text, at) : span_of(NULL, 0);
}

static bool parse(struct span text, struct web_origin *ret_origin)
{
    const char *colon = text.length ? memchr(text.data, ':', text.length) : NULL;
    if (!colon)
        return false;
    ret_origin->scheme = span_of(text.data, (size_t)(colon - text.data));
    struct span rest = behind(text, ret_origin->scheme.length);
    if (!span_starts_with(rest, span_text("://")) ||
        !has_only(ret_origin->scheme, LETTERS DIGITS "+-."))
        return false;
    split_port(behind(rest, strlen("://")), ret_origin);
    return !ret_origin->port.data || ret_origin->port.length > 0;
}

static bool is_wildcard(struct span host)
{
    return span_starts_with(host, span_text("*."));
}

static bool has_default_port(const struct web_origin *origin)
{
    return (span_equal_nocase(origin->scheme, span_text("https")) &&
            span_is(origin->port, "443")) ||
           (span_equal_nocase(origin->scheme, span_text("http")) && span_is(origin->port, "80"));
}

static bool is_valid_entry(struct span text)
{
    struct web_origin origin;
    return parse(text, &origin) && !has_default_port(&origin) &&
           is_host(is_wildcard(origin.host) ? behind(origin.host, strlen("*.")) : origin.host);
}

bool web_origins_are_valid(struct span list)
{
    if (span_trim(list).length == 0)
        return true;
    while (list.data)
        if (!is_valid_entry(span_trim(span_split(&list, ','))))
            return false;
    return true;
}

static bool host_matches(struct span pattern, struct span host)
{
    if (!is_wildcard(pattern))
        return span_equal_nocase(pattern, host);
    struct span tail = behind(pattern, strlen("*")); /* ".example.com" */
    return host.length > tail.length &&
           span_equal_nocase(behind(host, host.length - tail.length), tail);
}

bool web_origins_contain(struct span list, struct span origin)
{
    struct web_origin sent, allowed;
    if (!parse(origin, &sent) || !is_host(sent.host))
        return false;
    while (list.length > 0)
        if (parse(span_trim(span_split(&list, ',')), &allowed) &&
            span_equal_nocase(allowed.scheme, sent.scheme) && span_equal(allowed.port, sent.port) &&
            host_matches(allowed.host, sent.host))
            return true;
    return false;
}
