/* An intrusive doubly linked list.
 *
 *     head ⇄ link ⇄ link ⇄ … ⇄ head      (a ring through the head)
 *
 * The link is embedded in the element, so membership costs no allocation and removal needs no
 * search. A link that is in no list points to itself (list_init), and removing it again is
 * harmless.
 */
#ifndef SLIP_BASE_LIST_H
#define SLIP_BASE_LIST_H

#include "common/base/base.h"

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* For a link: is it in some list? */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_append(struct list *list, struct list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_prepend(struct list *list, struct list *link)
{
    list_append(list->next, link);
}

static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* Moves all of `from` to the end of `to`; `from` is empty after. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)

/* The first element, or NULL. */
#define LIST_FIRST(list, type, member) \
    (list_is_empty(list) ? NULL : LIST_ENTRY((list)->next, type, member))

/* The current element may be removed or freed inside the loop; others may not. */
#define LIST_FOR_EACH(head, link)                                                     \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

#endif
