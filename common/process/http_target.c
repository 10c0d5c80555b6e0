#include "common/process/http_target.h"

#include <errno.h>
#include <stdlib.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into *place, which moves on; never longer than what it came from. */
static int decode(struct span text, bool plus_is_space, char **place, struct span *ret_decoded)
{
    char *start = *place, *out = start;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.length ? hex_digit(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
            if (low < 0)
                return -EINVAL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *out++ = c;
    }
    *place = out;
    *ret_decoded = span_of(start, (size_t)(out - start));
    return 0;
}

static int parse_path(struct http_target *target, char **place)
{
    struct span rest = span_of(target->path.data + 1, target->path.length - 1);
    if (rest.length == 0)
        return 0;
    while (rest.data) {
        struct span segment = span_split(&rest, '/');
        if (target->segment_count == HTTP_TARGET_SEGMENTS)
            return -EINVAL;
        int rc = decode(segment, false, place, &target->segments[target->segment_count++]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_query(struct http_target *target, struct span query, char **place)
{
    while (query.data) {
        struct span value = span_split(&query, '&');
        if (value.length == 0)
            continue;
        if (target->parameter_count == HTTP_TARGET_PARAMETERS)
            return -EINVAL;
        struct http_parameter *parameter = &target->parameters[target->parameter_count++];
        struct span name = span_split(&value, '=');
        int rc = decode(name, true, place, &parameter->name);
        if (rc == 0)
            rc = decode(value, true, place, &parameter->value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool is_well_formed(struct span text)
{
    if (text.length == 0 || text.data[0] != '/')
        return false;
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f || text.data[i] == '#')
            return false;
    return true;
}

int http_target_parse(struct span text, struct http_target *ret_target)
{
    if (!is_well_formed(text))
        return -EINVAL;
    struct http_target target = {.text = span_dup(text), .decoded = xmalloc(text.length)};
    struct span query = span_of(target.text, text.length);
    char *place = target.decoded;
    target.path = span_split(&query, '?');
    int rc = parse_path(&target, &place);
    if (rc == 0)
        rc = parse_query(&target, query, &place);
    if (rc < 0)
        http_target_fini(&target);
    else
        *ret_target = target;
    return rc;
}

void http_target_fini(struct http_target *target)
{
    free(target->text);
    free(target->decoded);
    *target = (struct http_target){0};
}

bool http_target_parameter(const struct http_target *target, const char *name,
                           struct span *ret_value)
{
    for (size_t i = 0; i < target->parameter_count; i++)
        if (span_is(target->parameters[i].name, name)) {
            *ret_value = target->parameters[i].value;
            return true;
        }
    return false;
}
