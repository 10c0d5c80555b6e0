#include "edge/protocol/timer_wheel.h"

_Static_assert((TIMER_WHEEL_SLOTS & (TIMER_WHEEL_SLOTS - 1)) == 0, "a power of two");
_Static_assert(sizeof(struct wheel_timer) <= 32, "there is one or more for every connection");

static size_t index_of(int64_t slot)
{
    return (size_t)slot & (TIMER_WHEEL_SLOTS - 1);
}

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms)
{
    *wheel = (struct timer_wheel){.passed_slot = now_ms / TIMER_WHEEL_SLOT_MS};
    for (size_t i = 0; i < TIMER_WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

void wheel_timer_init(struct wheel_timer *timer, void (*on_due)(struct wheel_timer *timer))
{
    *timer = (struct wheel_timer){.on_due = on_due};
    list_init(&timer->link);
}

bool wheel_timer_is_running(const struct wheel_timer *timer)
{
    return list_is_linked(&timer->link);
}

void timer_wheel_stop(struct timer_wheel *wheel, struct wheel_timer *timer)
{
    if (!wheel_timer_is_running(timer))
        return;
    list_remove(&timer->link);
    wheel->count--;
}

void timer_wheel_start(struct timer_wheel *wheel, struct wheel_timer *timer, int64_t due_ms)
{
    timer_wheel_stop(wheel, timer);
    /* The end of its slot: early would be wrong, late is allowed. */
    int64_t slot = due_ms / TIMER_WHEEL_SLOT_MS + (due_ms % TIMER_WHEEL_SLOT_MS > 0);
    timer->due_slot = slot > wheel->passed_slot ? slot : wheel->passed_slot + 1;
    list_append(&wheel->slots[index_of(timer->due_slot)], &timer->link);
    wheel->count++;
}

/* Moves the timers of one slot that are due to `due`, from where timer_wheel_stop() can still take
 * them. */
static void collect(struct timer_wheel *wheel, int64_t slot, int64_t now_slot, struct list *due)
{
    struct list *timers = &wheel->slots[index_of(slot)];
    LIST_FOR_EACH(timers, link) {
        if (LIST_ENTRY(link, struct wheel_timer, link)->due_slot > now_slot)
            continue;
        list_remove(link);
        list_append(due, link);
    }
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms)
{
    struct list due;
    int64_t now_slot = now_ms / TIMER_WHEEL_SLOT_MS;
    int64_t slot = wheel->passed_slot + 1;
    if (now_slot < slot)
        return;
    if (now_slot - slot >= TIMER_WHEEL_SLOTS) /* once around sees them all */
        slot = now_slot - TIMER_WHEEL_SLOTS + 1;
    list_init(&due);
    for (; slot <= now_slot; slot++)
        collect(wheel, slot, now_slot, &due);
    wheel->passed_slot = now_slot;
    while (!list_is_empty(&due)) {
        struct wheel_timer *timer = LIST_FIRST(&due, struct wheel_timer, link);
        timer_wheel_stop(wheel, timer);
        timer->on_due(timer);
    }
}
