#include "control/outbox.h"

#include <stdlib.h>

void outbox_init(struct outbox *outbox, uint64_t first)
{
    ASSERT(first >= 1);
    *outbox = (struct outbox){.first = first, .unsent = first, .next = first};
}

void outbox_fini(struct outbox *outbox)
{
    free(outbox->ring);
    *outbox = (struct outbox){.first = 1, .unsent = 1, .next = 1};
}

static struct outbox_entry *entry_at(const struct outbox *outbox, uint64_t number)
{
    return &outbox->ring[number & (outbox->capacity - 1)];
}

static void grow(struct outbox *outbox)
{
    size_t capacity = outbox->capacity ? outbox->capacity * 2 : 16;
    struct outbox_entry *ring = xcalloc(capacity, sizeof *ring);

    for (uint64_t number = outbox->first; number < outbox->next; number++)
        ring[number & (capacity - 1)] = *entry_at(outbox, number);
    free(outbox->ring);
    outbox->ring = ring;
    outbox->capacity = capacity;
}

uint64_t outbox_append(struct outbox *outbox, struct parcel *parcel, size_t index)
{
    ASSERT(parcel);
    if (outbox->next - outbox->first == outbox->capacity)
        grow(outbox);
    uint64_t number = outbox->next++;
    *entry_at(outbox, number) = (struct outbox_entry){.parcel = parcel, .index = index};
    outbox->waiting++;
    return number;
}

bool outbox_take_unsent(struct outbox *outbox, uint64_t *ret_number, struct outbox_entry *ret_entry)
{
    while (outbox->unsent < outbox->next) {
        uint64_t number = outbox->unsent++;
        const struct outbox_entry *entry = entry_at(outbox, number);
        /* A late receipt may come before the command was repeated in a new session. */
        if (!entry->parcel)
            continue;
        *ret_number = number;
        *ret_entry = *entry;
        return true;
    }
    return false;
}

void outbox_rewind(struct outbox *outbox)
{
    outbox->unsent = outbox->first;
}

static void drop_receipted(struct outbox *outbox)
{
    while (outbox->first < outbox->next && !entry_at(outbox, outbox->first)->parcel)
        outbox->first++;
    if (outbox->unsent < outbox->first)
        outbox->unsent = outbox->first;
}

static bool is_waiting(const struct outbox *outbox, uint64_t number)
{
    return number >= outbox->first && number < outbox->next && entry_at(outbox, number)->parcel;
}

bool outbox_receipt(struct outbox *outbox, uint64_t number, struct outbox_entry *ret_entry)
{
    if (!is_waiting(outbox, number))
        return false;
    struct outbox_entry *entry = entry_at(outbox, number);
    *ret_entry = *entry;
    *entry = (struct outbox_entry){.parcel = NULL};
    outbox->waiting--;
    drop_receipted(outbox);
    return true;
}
