#include "edge/receipts.h"

#include <stdlib.h>

#include "common/wire/wire.h"
#include "edge/controls.h"

void receipt_list_init(struct receipt_list *list)
{
    *list = (struct receipt_list){0};
    list_init(&list->of_due);
}

void receipt_list_clear(struct receipt_list *list)
{
    list->count = 0;
    list_remove(&list->of_due);
}

void receipt_list_fini(struct receipt_list *list)
{
    receipt_list_clear(list);
    free(list->ranges);
    list->ranges = NULL;
    list->capacity = 0;
}

static void append(struct receipt_list *list, uint64_t number)
{
    if (list->count > 0 && list->ranges[list->count - 1].last + 1 == number) {
        list->ranges[list->count - 1].last = number;
        return;
    }
    if (list->count == list->capacity) {
        list->capacity = max_size(list->capacity * 2, 8);
        list->ranges = xrealloc(list->ranges, list->capacity * sizeof(*list->ranges));
    }
    list->ranges[list->count++] = (struct record_range){.first = number, .last = number};
}

void receipts_add(struct receipts *receipts, struct control *control, uint64_t number)
{
    if (!control->link)
        return;
    append(&control->receipts, number);
    if (!list_is_linked(&control->receipts.of_due))
        list_append(&receipts->due, &control->receipts.of_due);
    loop_defer(receipts->loop, &receipts->send);
}

static void on_send(struct loop_deferred *deferred)
{
    struct receipts *receipts = CONTAINER_OF(deferred, struct receipts, send);
    while (!list_is_empty(&receipts->due)) {
        struct control *control = LIST_FIRST(&receipts->due, struct control, receipts.of_due);
        const struct message_receipt receipt = {
            .ranges = {.items = control->receipts.ranges, .count = control->receipts.count}};
        wire_put_receipt(link_packet(control->link), &receipt);
        receipt_list_clear(&control->receipts);
    }
}

void receipts_init(struct receipts *receipts, struct loop *loop)
{
    *receipts = (struct receipts){.loop = loop};
    list_init(&receipts->due);
    loop_deferred_init(&receipts->send, on_send);
}

void receipts_fini(struct receipts *receipts)
{
    loop_undefer(&receipts->send);
}
