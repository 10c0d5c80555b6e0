#include "router/change_set.h"

#include <stdlib.h>

struct change_set *change_set_new(int64_t now_ms)
{
    struct change_set *set = xcalloc(1, sizeof *set);

    list_init(&set->link);
    list_init(&set->in_order);
    table_init(&set->changes);
    table_init(&set->memberships);
    set->oldest_ms = now_ms;
    set->bytes = sizeof *set;
    return set;
}

/* ---- what a set counts ---- */

static void count_in(struct change_set *set, size_t bytes)
{
    set->count++;
    set->bytes += bytes;
}

static void count_out(struct change_set *set, size_t bytes)
{
    set->count--;
    set->bytes -= bytes;
}

static size_t membership_bytes(const struct membership_change *membership)
{
    return sizeof *membership + membership->key_length;
}

static size_t change_bytes(const struct connection_change *change)
{
    return sizeof *change + change->id_length + change->metadata_length +
           (change->ip ? strlen(change->ip) : 0) + (change->path ? strlen(change->path) : 0);
}

/* ---- memberships ---- */

static void remove_membership(struct change_set *set, struct membership_change *membership)
{
    count_out(set, membership_bytes(membership));
    table_remove(&set->memberships, &membership->by_key);
    list_remove(&membership->of_change);
    free(membership);
}

static void remove_memberships(struct change_set *set, struct connection_change *change)
{
    LIST_FOR_EACH(&change->memberships, link)
        remove_membership(set, LIST_ENTRY(link, struct membership_change, of_change));
}

static struct membership_change *membership_new(struct span connection, struct span channel)
{
    size_t key_length = connection.length + 1 + channel.length;
    struct membership_change *membership = xcalloc(1, sizeof *membership + key_length);

    list_init(&membership->of_change);
    membership->id_length = connection.length;
    membership->key_length = key_length;
    memcpy(membership->key, connection.data, connection.length);
    if (channel.length > 0)
        memcpy(membership->key + connection.length + 1, channel.data, channel.length);
    return membership;
}

void change_set_membership(struct change_set *set, struct span connection, struct span channel,
                           bool is_member)
{
    struct connection_change *change = change_set_find(set, connection);
    struct membership_change *membership = membership_new(connection, channel);
    struct span key = span_of(membership->key, membership->key_length);
    struct table_link *known = table_find(&set->memberships, key);

    if (change->is_deleted || known) {
        free(membership);
        if (known)
            TABLE_ENTRY(known, struct membership_change, by_key)->is_member = is_member;
        return;
    }
    membership->is_member = is_member;
    table_insert(&set->memberships, &membership->by_key, key);
    list_append(&change->memberships, &membership->of_change);
    count_in(set, membership_bytes(membership));
}

void change_set_whole(struct change_set *set, struct span connection)
{
    struct connection_change *change = change_set_find(set, connection);

    remove_memberships(set, change);
    change->is_whole = true;
}

/* ---- connections ---- */

struct connection_change *change_set_find(struct change_set *set, struct span connection)
{
    struct table_link *known = table_find(&set->changes, connection);

    if (known)
        return TABLE_ENTRY(known, struct connection_change, by_id);
    struct connection_change *change = xcalloc(1, sizeof *change + connection.length);
    list_init(&change->of_set);
    list_init(&change->memberships);
    change->id_length = connection.length;
    memcpy(change->id, connection.data, connection.length);
    table_insert(&set->changes, &change->by_id, connection_change_id(change));
    list_append(&set->in_order, &change->of_set);
    count_in(set, change_bytes(change));
    return change;
}

static void put_text(char **place, struct span text)
{
    if (text.length == 0)
        return;
    free(*place);
    *place = xmemdup0(text.data, text.length);
}

void change_set_row(struct change_set *set, struct span connection,
                    const struct connection_row *row)
{
    struct connection_change *change = change_set_find(set, connection);

    set->bytes -= change_bytes(change);
    change->has_row = true;
    change->state = row->state;
    put_text(&change->metadata, row->metadata);
    if (row->metadata.length > 0)
        change->metadata_length = row->metadata.length;
    put_text(&change->ip, row->ip);
    put_text(&change->path, row->path);
    if (row->created_ms > 0)
        change->created_ms = row->created_ms;
    if (row->opened_ms > 0)
        change->opened_ms = row->opened_ms;
    set->bytes += change_bytes(change);
}

void change_set_delete(struct change_set *set, struct span connection)
{
    struct connection_change *change = change_set_find(set, connection);

    remove_memberships(set, change);
    change->is_deleted = true;
}

static void remove_change(struct change_set *set, struct connection_change *change)
{
    remove_memberships(set, change);
    count_out(set, change_bytes(change));
    table_remove(&set->changes, &change->by_id);
    list_remove(&change->of_set);
    free(change->metadata);
    free(change->ip);
    free(change->path);
    free(change);
}

void change_set_destroy(struct change_set **set)
{
    struct change_set *ending = *set;

    *set = NULL;
    if (!ending)
        return;
    LIST_FOR_EACH(&ending->in_order, link)
        remove_change(ending, LIST_ENTRY(link, struct connection_change, of_set));
    table_fini(&ending->changes);
    table_fini(&ending->memberships);
    free(ending);
}

/* ---- splitting ---- */

static void move_membership(struct change_set *from, struct change_set *to,
                            struct membership_change *membership)
{
    table_remove(&from->memberships, &membership->by_key);
    table_insert(&to->memberships, &membership->by_key,
                 span_of(membership->key, membership->key_length));
    count_out(from, membership_bytes(membership));
    count_in(to, membership_bytes(membership));
}

static void move_change(struct change_set *from, struct change_set *to,
                        struct connection_change *change)
{
    LIST_FOR_EACH(&change->memberships, link)
        move_membership(from, to, LIST_ENTRY(link, struct membership_change, of_change));
    table_remove(&from->changes, &change->by_id);
    table_insert(&to->changes, &change->by_id, connection_change_id(change));
    list_remove(&change->of_set);
    list_prepend(&to->in_order, &change->of_set);
    count_out(from, change_bytes(change));
    count_in(to, change_bytes(change));
}

/* Of a set about one connection: the memberships, and what is said of the connection itself. */
static size_t count_rows(const struct change_set *set)
{
    const struct connection_change *change =
        LIST_FIRST(&set->in_order, struct connection_change, of_set);

    return set->memberships.count + (change->has_row || change->is_whole || change->is_deleted);
}

/* What is said of the connection itself stays with the first. */
static void split_memberships(struct change_set *set, struct change_set *second)
{
    struct connection_change *change = LIST_FIRST(&set->in_order, struct connection_change, of_set);

    for (size_t left = count_rows(set) / 2; left > 0; left--) {
        struct connection_change *rest = change_set_find(second, connection_change_id(change));
        struct membership_change *membership =
            LIST_ENTRY(change->memberships.previous, struct membership_change, of_change);
        move_membership(set, second, membership);
        list_remove(&membership->of_change);
        list_prepend(&rest->memberships, &membership->of_change);
    }
}

bool change_set_can_split(const struct change_set *set)
{
    bool has_end = set->is_prune || set->edge_state;

    if (set->changes.count == 1)
        return count_rows(set) + has_end > 1;
    return set->changes.count + has_end > 1;
}

struct change_set *change_set_split(struct change_set *set)
{
    ASSERT(change_set_can_split(set));
    struct change_set *second = change_set_new(set->oldest_ms);

    if (set->changes.count == 1)
        split_memberships(set, second);
    for (size_t left = set->changes.count / 2; left > 0; left--)
        move_change(set, second,
                    LIST_ENTRY(set->in_order.previous, struct connection_change, of_set));
    second->is_prune = set->is_prune;
    second->edge_state = set->edge_state;
    set->is_prune = false;
    set->edge_state = NULL;
    return second;
}
