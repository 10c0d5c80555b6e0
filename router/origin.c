#include "router/origin.h"

#include "common/text/json.h"

/* The text behind the details in `scratch`, which has room for it. */
static struct span take_text(struct json_reader *reader, struct buffer *scratch)
{
    struct json_value value = json_take_value(reader);
    size_t length = 0;

    if (value.kind != JSON_STRING)
        return (struct span){0};
    char *text = scratch->data + scratch->length;
    if (json_unescape(&value, text, &length) < 0 || memchr(text, '\0', length))
        return (struct span){0};
    buffer_commit(scratch, length);
    return span_of(text, length);
}

void origin_read(struct span details, struct buffer *scratch, struct span *ret_ip,
                 struct span *ret_path)
{
    struct json_reader reader;
    struct span key, ip = {0}, path = {0};

    buffer_clear(scratch);
    buffer_append_byte(scratch, '{');
    buffer_append_span(scratch, details);
    buffer_append_byte(scratch, '}');
    size_t length = scratch->length;
    (void)buffer_reserve(scratch, 2 * length); /* the text stays where it is while it is read */
    json_reader_init(&reader, span_of(scratch->data, length));
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        if (span_is(key, "ip") && !ip.data)
            ip = take_text(&reader, scratch);
        else if (span_is(key, "path") && !path.data)
            path = take_text(&reader, scratch);
        else
            json_skip(&reader);
    }
    if (json_finish(&reader) < 0)
        return;
    *ret_ip = ip;
    *ret_path = path;
}
