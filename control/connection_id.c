#include "control/connection_id.h"

#include <errno.h>

static bool is_url_safe(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

bool edge_id_is_valid(struct span id)
{
    return id.length == EDGE_ID_LENGTH && is_url_safe(id);
}

int connection_id_edge(struct span connection, struct span *ret_edge)
{
    if (connection.length != CONNECTION_ID_LENGTH || !is_url_safe(connection))
        return -EINVAL;
    *ret_edge = span_of(connection.data, EDGE_ID_LENGTH);
    return 0;
}
