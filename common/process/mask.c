#include "common/process/mask.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/base/buffer.h"

static const char MASK[] = "***";

/* ---- what is secret ---- */

static unsigned hex_value(char c)
{
    return (unsigned)(c >= '0' && c <= '9' ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

/* libpq undoes percent encoding in keys, too, and refuses %00. */
static char *decode(struct span text)
{
    struct buffer out = {0};
    for (size_t i = 0; i < text.length; i++) {
        const char *c = text.data + i;
        bool is_encoded = *c == '%' && text.length - i > 2 && isxdigit((unsigned char)c[1]) &&
                          isxdigit((unsigned char)c[2]) && memcmp(c, "%00", 3) != 0;
        unsigned char byte = (unsigned char)*c;
        if (is_encoded)
            byte = (unsigned char)(hex_value(c[1]) * 16 + hex_value(c[2]));
        buffer_append(&out, &byte, 1);
        i += is_encoded ? 2 : 0;
    }
    return buffer_take(&out);
}

/* The first word in a text that makes a key secret, in libpq's (password, sslpassword,
 * oauth_client_secret, scram_client_key, scram_server_key) and those that are nearly so; none:
 * empty, at the text's end. */
static struct span find_secret_word(const char *text)
{
    static const char *const words[] = {"password", "secret", "scram_"};
    struct span first = span_of(text + strlen(text), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        const char *word = strcasestr(text, words[i]);
        if (word && word < first.data)
            first = span_of(word, strlen(words[i]));
    }
    return first;
}

static bool is_secret_key(struct span key)
{
    char *name = decode(key);
    bool is_secret = find_secret_word(name).length > 0;
    free(name);
    return is_secret;
}

/* Where the password of `user:password` begins, or NULL. */
static const char *find_password(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == ':')
            return at + 1;
        if (end - at > 2 && strncasecmp(at, "%3a", 3) == 0)
            return at + 3;
    }
    return NULL;
}

/* Writes `user:***` when there is a password up to `at` (its @, or NULL); returns what is still to
 * be written. */
static const char *mask_userinfo(const char *start, const char *at, struct buffer *out)
{
    const char *password = at ? find_password(start, at) : NULL;
    if (!password)
        return start;
    buffer_append(out, start, (size_t)(password - start));
    buffer_append_text(out, MASK);
    return at;
}

/* ---- URLs: `scheme://user:password@host/path?password=x` ---- */

static bool begins_parameter(char c)
{
    return c == '?' || c == '&' || c == ';' || isspace((unsigned char)c);
}

/* The length of a secret's key with its '=', or 0. */
static size_t secret_key_length(const char *start, const char *end)
{
    const char *at = start;
    while (at < end && *at != '=' && !begins_parameter(*at))
        at++;
    size_t length = (size_t)(at - start);
    return at < end && *at == '=' && is_secret_key(span_of(start, length)) ? length + 1 : 0;
}

/* Up to the next parameter; a '&' that begins none belongs to the password. */
static const char *find_parameter_end(const char *at, const char *end)
{
    while ((at = memchr(at, '&', (size_t)(end - at)))) {
        const char *next = memchr(at + 1, '&', (size_t)(end - at - 1));
        if (memchr(at, '=', (size_t)((next ? next : end) - at)))
            return at;
        at++;
    }
    return end;
}

/* Where the first secret among the parameters begins, or NULL. */
static const char *find_secret(const char *at, const char *end)
{
    for (; at < end; at++) {
        size_t key_length = begins_parameter(*at) ? secret_key_length(at + 1, end) : 0;
        if (key_length > 0)
            return at + 1 + key_length;
    }
    return NULL;
}

static void mask_parameters(const char *at, const char *end, struct buffer *out)
{
    for (const char *secret; (secret = find_secret(at, end));) {
        buffer_append(out, at, (size_t)(secret - at));
        buffer_append_text(out, MASK);
        at = find_parameter_end(secret, end);
    }
    buffer_append(out, at, (size_t)(end - at));
}

static bool is_port(const char *from, const char *to)
{
    while (from < to && *from >= '0' && *from <= '9')
        from++;
    return from == to;
}

/* Where the userinfo of http:// ends, or NULL: there, '@' is common in paths. A password should not
 * hold '/' unescaped, but when one does it is still no business of the log's: then the last '@'
 * before the query counts. */
static const char *find_web_userinfo_end(struct span authority)
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

static bool is_web(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* The last @ that may end a password. libpq's ends at the first one, if no '/' is before it; what
 * comes after was perhaps to be part of it; but an @ in a parameter's password ends nothing. */
static const char *find_userinfo_end(const char *start, const char *end)
{
    size_t length = strcspn(start, "@/");
    const char *at = start[length] == '@' ? start + length : NULL;
    const char *from = at ? at : start;
    const char *secret = find_secret(from, end);
    return memrchr(from, '@', (size_t)((secret ? secret : end) - from));
}

static void mask_url(const char *text, size_t authority, struct buffer *out)
{
    const char *start = text + authority, *end = start + strlen(start);
    const char *secret = find_secret(start, end);
    struct span shown = span_of(start, (size_t)((secret ? secret : end) - start));
    const char *at = is_web(text) ? find_web_userinfo_end(shown) : find_userinfo_end(start, end);
    buffer_append(out, text, authority);
    mask_parameters(mask_userinfo(start, at, out), end, out);
}

/* Where the authority begins, or 0. Only a text that *begins* with a scheme (RFC 3986 §3.1) is a
 * URL, to libpq as well: `application_name=my://app password=x` is none. */
static size_t find_authority(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789+-.");
    return length > 0 && strncmp(text + length, "://", 3) == 0 ? length + 3 : 0;
}

/* ---- text of no certain form ---- */

/* Everything from the first secret on, whose end is not known, and a userinfo's password before it.
 * That may reach beyond `secret`: `user:my password@host` has a secret's word in it. */
static void mask_loosely(const char *start, const char *secret, const char *end, struct buffer *out)
{
    const char *at = memrchr(start, '@', (size_t)(end - start));
    const char *rest = find_password(start, secret) ? mask_userinfo(start, at, out) : start;
    if (rest >= secret)
        return;
    buffer_append(out, rest, (size_t)(secret - rest));
    if (secret < end)
        buffer_append_text(out, MASK);
}

/* ---- keywords: `host=h password='x'`, as libpq's conninfo_parse reads them ---- */

struct keyword {
    struct span name, value; /* the value with its quotes */
};

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* The end of a value: quoted with ' or up to a blank; \ escapes. NULL: its quote has no end, or is
 * doubled, as SQL would have it. */
static const char *skip_value(const char *at)
{
    bool is_quoted = *at == '\'';
    at += is_quoted;
    while (*at && (is_quoted ? *at != '\'' : !isspace((unsigned char)*at)))
        at += *at == '\\' && at[1] ? 2 : 1;
    if (!is_quoted)
        return at;
    return *at && at[1] != '\'' ? at + 1 : NULL;
}

static const char *skip_name(const char *at)
{
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    return at;
}

/* The keyword at *at, which is moved behind it; false when there is no whole one. What is no word
 * names nothing, or a URL in quotes would be one up to the '=' of its first parameter. */
static bool read_keyword(const char **at, struct keyword *ret_keyword)
{
    const char *name = *at, *end = skip_name(name), *equals = skip_blanks(end);
    if (end == name || *equals != '=')
        return false;
    const char *value = skip_blanks(equals + 1);
    const char *value_end = skip_value(value);
    if (!value_end)
        return false;
    ret_keyword->name = span_of(name, (size_t)(end - name));
    ret_keyword->value = span_of(value, (size_t)(value_end - value));
    *at = skip_blanks(value_end);
    return true;
}

static bool is_keywords(const char *text)
{
    struct keyword keyword;
    const char *at = skip_blanks(text);
    while (read_keyword(&at, &keyword))
        continue;
    return *at == '\0';
}

/* A URL may stand in a value (dbname='postgresql://…'). */
static void mask_value(const struct keyword *keyword, struct buffer *out)
{
    const char *start = keyword->value.data, *end = start + keyword->value.length;
    const char *secret = find_secret(start, end);
    if (is_secret_key(keyword->name))
        buffer_append_text(out, MASK);
    else
        mask_loosely(start, secret ? secret : end, end, out);
}

static void mask_keywords(const char *text, struct buffer *out)
{
    struct keyword keyword;
    const char *at = skip_blanks(text);
    while (read_keyword(&at, &keyword)) {
        buffer_append(out, text, (size_t)(keyword.value.data - text));
        mask_value(&keyword, out);
        text = keyword.value.data + keyword.value.length;
    }
    buffer_append_text(out, text);
}

/* ---- neither: a mistake, in which a password may stand anywhere ---- */

static void mask_mistake(const char *text, struct buffer *out)
{
    struct span word = find_secret_word(text);
    const char *secret = word.data + word.length;
    secret += strspn(secret, " \t=");
    mask_loosely(text, secret, text + strlen(text), out);
}

char *mask_passwords(const char *text)
{
    struct buffer out = {0};
    size_t authority = find_authority(text);
    if (authority > 0)
        mask_url(text, authority, &out);
    else if (is_keywords(text))
        mask_keywords(text, &out);
    else
        mask_mistake(text, &out);
    return buffer_take(&out);
}
