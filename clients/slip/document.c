#include "clients/slip/document.h"

static bool find_member(struct span object, struct span name, struct span *ret_json)
{
    struct json_reader reader;
    struct span key;
    bool is_found = false;

    json_reader_init(&reader, object);
    if (json_peek(&reader) != JSON_OBJECT)
        return false;
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        bool is_it = span_equal(key, name);
        struct span value = json_take_raw(&reader);
        if (is_it && !is_found) {
            *ret_json = value;
            is_found = true;
        }
    }
    return json_finish(&reader) == 0 && is_found;
}

bool document_find(struct span document, const char *path, struct span *ret_json)
{
    struct span rest = span_text(path), found = document;

    while (rest.length > 0)
        if (!find_member(found, span_split(&rest, '.'), &found))
            return false;
    *ret_json = found;
    return true;
}

static void append_string(struct span json, struct buffer *text)
{
    struct json_reader reader;
    size_t length = 0;

    json_reader_init(&reader, json);
    struct json_value value = json_take_string(&reader);
    char *room = buffer_reserve(text, json.length + 1);
    if (!reader.error && json_unescape(&value, room, &length) == 0)
        buffer_commit(text, length);
    else
        buffer_append_span(text, json);
}

void document_append_text(struct span document, const char *path, struct buffer *text)
{
    struct span json;

    if (!document_find(document, path, &json) || span_is(json, "null") || json.length == 0)
        return;
    if (json.data[0] == '"')
        append_string(json, text);
    else
        buffer_append_span(text, json);
}

int64_t document_integer(struct span document, const char *path)
{
    struct json_reader reader;
    struct span json;

    if (!document_find(document, path, &json))
        return 0;
    json_reader_init(&reader, json);
    return json_take_integer(&reader, INT64_MIN, INT64_MAX);
}

void document_items_init(struct document_items *items, struct span document, const char *path)
{
    struct span array = span_of(NULL, 0);

    items->is_array =
        document_find(document, path, &array) && array.length > 0 && array.data[0] == '[';
    if (!items->is_array)
        return;
    json_reader_init(&items->reader, array);
    json_enter_array(&items->reader);
}

bool document_items_next(struct document_items *items, struct span *ret_json)
{
    if (!items->is_array || !json_next_element(&items->reader))
        return false;
    *ret_json = json_take_raw(&items->reader);
    return !items->reader.error;
}

/* ---- printing ---- */

static void new_line(struct buffer *text, unsigned int depth)
{
    buffer_append_byte(text, '\n');
    for (unsigned int i = 0; i < depth; i++)
        buffer_append_text(text, "  ");
}

/* The grammar has been checked: brackets, commas and colons outside of strings are structure. */
void document_append_pretty(struct span json, struct buffer *text)
{
    bool in_string = false;
    unsigned int depth = 0;

    if (!json_is_valid(json)) {
        buffer_append_span(text, json);
        return;
    }
    for (size_t i = 0; i < json.length; i++) {
        char c = json.data[i];
        bool is_escape = in_string && c == '\\';
        if (in_string || !strchr(" \t\r\n", c)) {
            bool closes = !in_string && (c == '}' || c == ']');
            bool is_empty =
                closes && text->length > 0 && strchr("{[", text->data[text->length - 1]);
            depth -= closes;
            if (closes && !is_empty)
                new_line(text, depth);
            buffer_append_byte(text, c);
        }
        if (is_escape)
            buffer_append_byte(text, json.data[++i]);
        else if (c == '"')
            in_string = !in_string;
        if (in_string || is_escape)
            continue;
        if (c == '{' || c == '[') {
            depth++;
            size_t next = i + 1;
            while (next < json.length && strchr(" \t\r\n", json.data[next]))
                next++;
            if (json.data[next] != '}' && json.data[next] != ']')
                new_line(text, depth);
        } else if (c == ',') {
            new_line(text, depth);
        } else if (c == ':') {
            buffer_append_byte(text, ' ');
        }
    }
}
