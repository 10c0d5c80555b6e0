#include "edge/neighbours.h"

#include <stdlib.h>

enum { IPV6_BYTES = 16, IPV6_NETWORK_BYTES = 8 };

struct neighbour {
    struct table_link link;
    struct client_address address;
    size_t connections;
    size_t arrived;
    struct list clients; /* so many, the oldest first */
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

static struct neighbour *find_or_add(struct neighbours *neighbours,
                                     const struct client_address *address)
{
    struct neighbour *neighbour = find(neighbours, address);
    if (neighbour)
        return neighbour;
    neighbour = xcalloc(1, sizeof(*neighbour));
    neighbour->address = *address;
    list_init(&neighbour->clients);
    table_insert(&neighbours->by_key, &neighbour->link, key_of(&neighbour->address));
    return neighbour;
}

static void forget_if_empty(struct neighbours *neighbours, struct neighbour *neighbour)
{
    if (neighbour->connections > 0 || neighbour->arrived > 0)
        return;
    table_remove(&neighbours->by_key, &neighbour->link);
    free(neighbour);
}

struct neighbour *neighbours_enter(struct neighbours *neighbours,
                                   const struct client_address *address)
{
    struct neighbour *neighbour = find_or_add(neighbours, address);
    neighbour->connections++;
    return neighbour;
}

void neighbours_leave(struct neighbours *neighbours, struct neighbour **neighbour_place)
{
    struct neighbour *neighbour = *neighbour_place;
    *neighbour_place = NULL;
    if (!neighbour)
        return;
    neighbour->connections--;
    forget_if_empty(neighbours, neighbour);
}

struct neighbour *neighbours_arrive(struct neighbours *neighbours,
                                    const struct client_address *address, struct list *link)
{
    struct neighbour *neighbour = find_or_add(neighbours, address);
    list_append(&neighbour->clients, link);
    neighbour->arrived++;
    return neighbour;
}

void neighbours_depart(struct neighbours *neighbours, struct neighbour **neighbour_place,
                       struct list *link)
{
    struct neighbour *neighbour = *neighbour_place;
    *neighbour_place = NULL;
    if (!neighbour)
        return;
    list_remove(link);
    neighbour->arrived--;
    forget_if_empty(neighbours, neighbour);
}

size_t neighbours_arrived(const struct neighbour *neighbour)
{
    return neighbour->arrived;
}

struct list *neighbours_oldest(const struct neighbour *neighbour)
{
    ASSERT(neighbour->arrived > 0);
    return neighbour->clients.next;
}
