#include "edge/protocol/forwarded.h"

#include <errno.h>

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80" */
static int parse_entry(struct span entry, struct client_address *ret_address)
{
    uint64_t port;
    struct span host = entry, rest;
    const char *colon = entry.length ? memchr(entry.data, ':', entry.length) : NULL;
    if (entry.length > 0 && entry.data[0] == '[') {
        rest = span_of(entry.data + 1, entry.length - 1);
        host = span_split(&rest, ']');
        if (!rest.data || !memchr(host.data, ':', host.length))
            return -EINVAL;
    } else if (colon && !memchr(colon + 1, ':', entry.length - (size_t)(colon + 1 - entry.data))) {
        host.length = (size_t)(colon - entry.data);
        rest = span_of(colon, entry.length - host.length);
    } else {
        rest = span_of(NULL, 0);
    }
    if (rest.length > 0 &&
        (rest.data[0] != ':' ||
         span_to_u64(span_of(rest.data + 1, rest.length - 1), UINT16_MAX, &port) < 0))
        return -EINVAL;
    return client_address_parse(host, ret_address);
}

/* Takes the part after the last comma off the end; false when nothing is left. */
static bool take_last(struct span *rest, struct span *ret_entry)
{
    if (!rest->data)
        return false;
    size_t start = rest->length;
    while (start > 0 && rest->data[start - 1] != ',')
        start--;
    *ret_entry = span_trim(span_of(rest->data + start, rest->length - start));
    *rest = start > 0 ? span_of(rest->data, start - 1) : span_of(NULL, 0);
    return true;
}

struct client_address
forwarded_client(const struct client_address *peer, const struct request *request,
                 bool (*is_trusted)(void *context, const struct client_address *address),
                 void *context)
{
    struct client_address client = *peer;
    struct span entry;
    for (size_t i = request->header_count; i > 0; i--) {
        if (!span_is(request->headers[i - 1].name, "x-forwarded-for"))
            continue;
        struct span rest = request->headers[i - 1].value;
        while (is_trusted(context, &client) && take_last(&rest, &entry))
            if (parse_entry(entry, &client) < 0)
                return client;
    }
    return client;
}
