/* The snapshot: all connections of the edge, page by page, as the router pulls them. The cursor
 * stands in the list of connections itself, so that those may come and go between two pages. */
#include "edge/snapshot.h"

#include <stdlib.h>

#include "edge/edge.h"

enum { PAGE_ENTRIES = 512, PAGE_BYTES = 192 << 10, ENTRY_OVERHEAD = 64 };

static struct connection *at(struct list *link)
{
    return LIST_ENTRY(link, struct connection, order_link);
}

static enum connection_state state_of(const struct connection *connection)
{
    switch ((enum connection_stage)connection->stage) {
    case STAGE_OPEN:
        return CONNECTION_OPEN;
    case STAGE_CLOSING:
    case STAGE_CLOSED:
        return CONNECTION_CLOSING;
    case STAGE_PENDING:
    case STAGE_TOMBSTONE:
    case STAGE_COUNT:
        break;
    }
    return CONNECTION_OPENING;
}

static size_t bytes_of(const struct connection *connection)
{
    size_t bytes = ENTRY_OVERHEAD + connection->metadata_length;
    for (uint32_t i = 0; i < connection->memberships.count; i++)
        bytes += channel_name(connection->memberships.items[i].channel).length + 4;
    return bytes;
}

/* What the next page takes: at least one connection, as long as there is one. */
struct extent {
    size_t entries;
    size_t channels;
};

static struct extent measure(struct list *end, struct list *cursor)
{
    struct extent extent = {0};
    size_t bytes = 0;
    for (struct list *link = cursor->next; link != end && extent.entries < PAGE_ENTRIES;
         link = link->next) {
        bytes += bytes_of(at(link));
        if (extent.entries > 0 && bytes > PAGE_BYTES)
            break;
        extent.entries++;
        extent.channels += at(link)->memberships.count;
    }
    return extent;
}

static void fill(const struct connection *connection, struct record_channel_name *channels,
                 struct record_snapshot_entry *ret_entry)
{
    for (uint32_t i = 0; i < connection->memberships.count; i++)
        channels[i].channel = channel_name(connection->memberships.items[i].channel);
    *ret_entry = (struct record_snapshot_entry){
        .connection = connection_id(connection),
        .state = state_of(connection),
        .opened_at_ms = (uint64_t)connection->opened_at_ms,
        .metadata = connection_metadata(connection),
        .channels = {.items = channels, .count = connection->memberships.count},
    };
}

static void put_page(struct home *home, uint64_t snapshot, struct extent extent)
{
    struct list *end = &home->edge->in_order;
    struct list *cursor = &home->snapshot_cursor;
    struct record_snapshot_entry *entries = xcalloc(extent.entries, sizeof(*entries));
    struct record_channel_name *channels = xcalloc(extent.channels, sizeof(*channels));
    struct record_channel_name *next_channels = channels;
    struct list *link = cursor->next;
    for (size_t i = 0; i < extent.entries; i++, link = link->next) {
        fill(at(link), next_channels, &entries[i]);
        next_channels += at(link)->memberships.count;
    }
    bool is_last = link == end;
    list_remove(cursor);
    if (!is_last)
        list_append(link, cursor); /* in front of the first that is not told yet */
    const struct message_page page = {
        .snapshot = snapshot,
        .is_last = is_last,
        .entries = {.items = entries, .count = extent.entries},
    };
    wire_put_page(link_packet(home->link), &page);
    free(entries);
    free(channels);
}

void snapshot_on_pull(struct home *home, const struct message_pull *pull)
{
    struct list *cursor = &home->snapshot_cursor;
    if (pull->restart || !list_is_linked(cursor)) {
        list_remove(cursor);
        /* Who pulls on after the last page gets an empty last one. */
        if (pull->restart)
            list_prepend(&home->edge->in_order, cursor);
        else
            list_append(&home->edge->in_order, cursor);
    }
    put_page(home, pull->snapshot, measure(&home->edge->in_order, cursor));
}
