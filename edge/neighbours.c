#include "edge/neighbours.h"

#include <stdlib.h>

enum { IPV6_BYTES = 16, IPV6_NETWORK_BYTES = 8 };

struct neighbour {
    struct table_link link;
    struct client_address address;
    size_t connections;
};

static struct span key_of(const struct client_address *address)
{
    size_t length = address->length == IPV6_BYTES ? IPV6_NETWORK_BYTES : address->length;
    return span_of(address->bytes, length);
}

static struct neighbour *find(const struct neighbours *neighbours,
                              const struct client_address *address)
{
    struct table_link *link = table_find(&neighbours->by_key, key_of(address));
    return link ? TABLE_ENTRY(link, struct neighbour, link) : NULL;
}

void neighbours_init(struct neighbours *neighbours)
{
    table_init(&neighbours->by_key);
}

void neighbours_fini(struct neighbours *neighbours)
{
    ASSERT(neighbours->by_key.count == 0);
    table_fini(&neighbours->by_key);
}

size_t neighbours_count(const struct neighbours *neighbours, const struct client_address *address)
{
    const struct neighbour *neighbour = find(neighbours, address);
    return neighbour ? neighbour->connections : 0;
}

struct neighbour *neighbours_enter(struct neighbours *neighbours,
                                   const struct client_address *address)
{
    struct neighbour *neighbour = find(neighbours, address);
    if (!neighbour) {
        neighbour = xcalloc(1, sizeof(*neighbour));
        neighbour->address = *address;
        table_insert(&neighbours->by_key, &neighbour->link, key_of(&neighbour->address));
    }
    neighbour->connections++;
    return neighbour;
}

void neighbours_leave(struct neighbours *neighbours, struct neighbour **neighbour_place)
{
    struct neighbour *neighbour = *neighbour_place;
    *neighbour_place = NULL;
    if (!neighbour || --neighbour->connections > 0)
        return;
    table_remove(&neighbours->by_key, &neighbour->link);
    free(neighbour);
}
