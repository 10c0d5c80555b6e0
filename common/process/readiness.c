#include "common/process/readiness.h"

#include "common/text/json.h"

void readiness_fini(struct readiness *readiness)
{
    buffer_fini(&readiness->reasons);
    buffer_fini(&readiness->notes);
}

void readiness_add(struct readiness *readiness, const char *reason)
{
    buffer_append(&readiness->reasons, reason, strlen(reason) + 1);
}

void readiness_note(struct readiness *readiness, const char *note)
{
    buffer_append(&readiness->notes, note, strlen(note) + 1);
}

bool readiness_is_ready(const struct readiness *readiness)
{
    return readiness->reasons.length == 0;
}

/* Takes the first of the texts off `rest`; false at their end. */
static bool take_text(struct span *rest, struct span *ret_text)
{
    if (rest->length == 0)
        return false;
    *ret_text = span_split(rest, '\0');
    return true;
}

static void write_list(const struct buffer *texts, struct buffer *buffer)
{
    struct span rest = buffer_span(texts), text;
    const char *separator = "";
    buffer_append_byte(buffer, '[');
    while (take_text(&rest, &text)) {
        buffer_append_text(buffer, separator);
        json_append_foreign(buffer, text);
        separator = ",";
    }
    buffer_append_byte(buffer, ']');
}

void readiness_write_json(const struct readiness *readiness, struct buffer *buffer)
{
    buffer_append_format(
        buffer, "{\"ready\":%s,\"reasons\":", readiness_is_ready(readiness) ? "true" : "false");
    write_list(&readiness->reasons, buffer);
    if (readiness->notes.length > 0) {
        buffer_append_text(buffer, ",\"notes\":");
        write_list(&readiness->notes, buffer);
    }
    buffer_append_text(buffer, "}\n");
}

static void append_line(struct buffer *buffer, struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        const char byte = text.data[i];
        if ((unsigned char)byte < ' ')
            buffer_append_byte(buffer, ' ');
        else
            buffer_append_byte(buffer, byte);
    }
}

void readiness_write_text(const struct readiness *readiness, struct buffer *buffer)
{
    struct span reasons = buffer_span(&readiness->reasons);
    struct span notes = buffer_span(&readiness->notes), text;
    const char *separator = "waiting: ";
    if (readiness_is_ready(readiness))
        buffer_append_text(buffer, "serving");
    while (take_text(&reasons, &text)) {
        buffer_append_text(buffer, separator);
        append_line(buffer, text);
        separator = ", ";
    }
    while (take_text(&notes, &text)) {
        buffer_append_text(buffer, "; ");
        append_line(buffer, text);
    }
}
