#include "common/database/array.h"

#include <inttypes.h>
#include <stdio.h>

void database_array_fini(struct database_array *array)
{
    buffer_fini(&array->text);
    array->count = 0;
}

static void begin_element(struct database_array *array)
{
    buffer_append_byte(&array->text, array->count == 0 ? '{' : ',');
    array->count++;
}

void database_array_add_text(struct database_array *array, struct span text)
{
    if (!text.data) {
        database_array_add_null(array);
        return;
    }
    begin_element(array);
    char *at = buffer_reserve(&array->text, 2 * text.length + 2);
    char *start = at;
    *at++ = '"';
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            *at++ = '\\';
        *at++ = text.data[i];
    }
    *at++ = '"';
    buffer_commit(&array->text, (size_t)(at - start));
}

void database_array_add_integer(struct database_array *array, int64_t value)
{
    begin_element(array);
    buffer_append_format(&array->text, "%" PRId64, value);
}

void database_array_add_null(struct database_array *array)
{
    begin_element(array);
    buffer_append_text(&array->text, "NULL");
}

struct database_value database_array_value(struct database_array *array)
{
    buffer_append_text(&array->text, array->count == 0 ? "{}" : "}");
    return database_text(buffer_span(&array->text));
}
