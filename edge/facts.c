#include "edge/facts.h"

#include "common/wire/wire.h"
#include "edge/connection.h"
#include "edge/edge.h"

void facts_tell_opened(const struct connection *connection)
{
    struct buffer *packet = home_packet(&connection->edge->home);
    const struct message_opened message = {
        .connection = connection_id(connection),
        .opened_at_ms = (uint64_t)connection->opened_at_ms,
    };
    if (packet)
        wire_put_opened(packet, &message);
}

void facts_tell_metadata(const struct connection *connection)
{
    struct buffer *packet = home_packet(&connection->edge->home);
    const struct message_metadata message = {
        .connection = connection_id(connection),
        .metadata = connection_metadata(connection),
    };
    if (packet)
        wire_put_metadata(packet, &message);
}

void facts_tell_subscribed(const struct connection *connection, struct span channel)
{
    struct buffer *packet = home_packet(&connection->edge->home);
    const struct message_subscribed message = {
        .connection = connection_id(connection),
        .channel = channel,
    };
    if (packet)
        wire_put_subscribed(packet, &message);
}

void facts_tell_unsubscribed(const struct connection *connection, struct span channel)
{
    struct buffer *packet = home_packet(&connection->edge->home);
    const struct message_unsubscribed message = {
        .connection = connection_id(connection),
        .channel = channel,
    };
    if (packet)
        wire_put_unsubscribed(packet, &message);
}
