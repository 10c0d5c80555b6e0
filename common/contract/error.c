#include "common/contract/error.h"

void contract_limit_append(size_t limit_bytes, const char *setting, struct buffer *buffer)
{
    buffer_append_format(buffer, ": at most %zu bytes%s%s", limit_bytes, setting ? ", " : "",
                         setting ? setting : "");
}

void contract_error_append(const struct contract_error *error, struct buffer *buffer)
{
    if (error->index != CONTRACT_ERROR_NO_INDEX)
        buffer_append_format(buffer, "events[%zu]", error->index);
    else if (!error->field)
        buffer_append_text(buffer, "the body");
    if (error->field) {
        if (error->index != CONTRACT_ERROR_NO_INDEX)
            buffer_append_byte(buffer, '.');
        buffer_append_text(buffer, error->field);
    }
    buffer_append_format(buffer, " %s", error->reason);
    if (error->limit_bytes > 0)
        contract_limit_append(error->limit_bytes, error->setting, buffer);
    if (error->position != CONTRACT_ERROR_NO_POSITION)
        buffer_append_format(buffer, " (byte %zu)", error->position);
}
