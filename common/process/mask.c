#include "common/process/mask.h"

#include "common/base/buffer.h"

static const char MASK[] = "***";

static bool is_password_key(struct span key)
{
    return span_equal_nocase(key, span_text("password")) ||
           span_equal_nocase(key, span_text("sslpassword"));
}

/* `?a=1&password=x`: each parameter with its separator. */
static void mask_query(struct span query, struct buffer *out)
{
    while (query.length > 0) {
        const char *end = memchr(query.data + 1, '&', query.length - 1);
        size_t length = end ? (size_t)(end - query.data) : query.length;
        struct span value = span_of(query.data + 1, length - 1);
        struct span key = span_split(&value, '=');
        if (value.data && is_password_key(key)) {
            buffer_append(out, query.data, key.length + 2);
            buffer_append_text(out, MASK);
        } else {
            buffer_append(out, query.data, length);
        }
        query = span_of(query.data + length, query.length - length);
    }
}

static bool is_port(const char *from, const char *to)
{
    while (from < to && *from >= '0' && *from <= '9')
        from++;
    return from == to;
}

/* Where the userinfo ends, or NULL. A password should not hold '/' unescaped, but when one does it
 * is still no business of the log's: then the last '@' before the query counts. */
static const char *find_userinfo_end(struct span authority)
{
    struct span rest = authority;
    struct span host = span_split(&rest, '/');
    if (!host.data)
        return NULL;
    const char *at = memrchr(host.data, '@', host.length);
    const char *colon = memchr(host.data, ':', host.length);
    if (at || !colon || is_port(colon + 1, host.data + host.length))
        return at;
    rest = authority;
    host = span_split(&rest, '?');
    return memrchr(host.data, '@', host.length);
}

/* `scheme://user:password@host/path?query` */
static void mask_url(struct span text, size_t authority, struct buffer *out)
{
    const char *start = text.data + authority;
    const char *at = find_userinfo_end(span_of(start, text.length - authority));
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon) {
        buffer_append(out, text.data, (size_t)(colon + 1 - text.data));
        buffer_append_text(out, MASK);
        text = span_of(at, text.length - (size_t)(at - text.data));
    }
    const char *query = memchr(text.data, '?', text.length);
    size_t before_query = query ? (size_t)(query - text.data) : text.length;
    buffer_append(out, text.data, before_query);
    mask_query(span_of(text.data + before_query, text.length - before_query), out);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of a value in libpq's keyword form: quoted with ' or up to a blank; \ escapes. */
static const char *skip_value(const char *at, const char *end)
{
    bool quoted = at < end && *at == '\'';
    at += quoted;
    while (at < end && (quoted ? *at != '\'' : !is_blank(*at)))
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return quoted && at < end ? at + 1 : at;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* One `key = value` with the blanks before it; returns where the next begins. */
static const char *mask_keyword(const char *start, const char *end, struct buffer *out)
{
    const char *key = skip_blanks(start, end);
    const char *at = key;
    while (at < end && *at != '=' && !is_blank(*at))
        at++;
    struct span name = span_of(key, (size_t)(at - key));
    const char *equals = skip_blanks(at, end);
    bool has_value = equals < end && *equals == '=';
    const char *value = has_value ? skip_blanks(equals + 1, end) : at;
    const char *value_end = has_value ? skip_value(value, end) : at;
    if (has_value && is_password_key(name)) {
        buffer_append(out, start, (size_t)(value - start));
        buffer_append_text(out, MASK);
    } else {
        buffer_append(out, start, (size_t)(value_end - start));
    }
    return value_end;
}

static void mask_keywords(struct span text, struct buffer *out)
{
    const char *at = text.data, *end = text.data + text.length;
    while (at < end)
        at = mask_keyword(at, end, out);
}

char *mask_passwords(const char *text)
{
    struct buffer out = {0};
    const char *scheme = strstr(text, "://");
    if (scheme)
        mask_url(span_text(text), (size_t)(scheme + 3 - text), &out);
    else
        mask_keywords(span_text(text), &out);
    return buffer_take(&out);
}
