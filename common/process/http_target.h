/* The target of an HTTP request, taken apart and decoded (RFC 3986 §3.3, §3.4):
 *
 *     /v1/channels/a%2Fb/members?limit=10&after=x%26y
 *     path      the part before '?', as sent
 *     segments  "v1" "channels" "a/b" "members"     decoded one by one, so %2F stays inside;
 *                                               "/" has none, "/a/" has "a" and ""
 *     query     limit → "10", after → "x&y"         '+' is a space, the first of a name counts
 *
 * Decoded spans point into memory that the structure owns.
 */
#ifndef SLIP_PROCESS_HTTP_TARGET_H
#define SLIP_PROCESS_HTTP_TARGET_H

#include "common/base/span.h"

enum { HTTP_TARGET_SEGMENTS = 16, HTTP_TARGET_PARAMETERS = 32 };

struct http_parameter {
    struct span name;
    struct span value;
};

struct http_target {
    struct span path;
    struct span segments[HTTP_TARGET_SEGMENTS];
    size_t segment_count;
    struct http_parameter parameters[HTTP_TARGET_PARAMETERS];
    size_t parameter_count;
    char *text; /* what was sent */
    char *decoded;
};

/* Parses origin form (RFC 9112 §3.2.1). Returns 0, or -EINVAL: does not begin with '/', a bad
 * %-escape, too many segments or parameters. */
MUST_USE
int http_target_parse(struct span text, struct http_target *ret_target);
void http_target_fini(struct http_target *target);

/* The decoded value of a query parameter in *ret_value; false when it is not there. */
bool http_target_parameter(const struct http_target *target, const char *name,
                           struct span *ret_value);

#endif
