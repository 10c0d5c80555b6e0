#include "edge/polls.h"

#include <stdlib.h>

struct poll_watcher {
    struct list link; /* in opening->watchers */
    struct control *control;
    uint64_t number;
};

void polls_watch(struct controls *controls, struct control *control, uint64_t number,
                 struct connection *connection)
{
    if (!connection || connection->stage != STAGE_PENDING) {
        controls_tell_polled(controls, control, number,
                             connection && connection->stage == STAGE_OPEN);
        return;
    }
    struct poll_watcher *watcher = xcalloc(1, sizeof(*watcher));
    watcher->control = control;
    watcher->number = number;
    control->references++;
    list_append(&connection->opening->watchers, &watcher->link);
}

void polls_answer(struct controls *controls, struct opening *opening, bool is_open)
{
    LIST_FOR_EACH(&opening->watchers, link) {
        struct poll_watcher *watcher = LIST_ENTRY(link, struct poll_watcher, link);
        list_remove(&watcher->link);
        controls_tell_polled(controls, watcher->control, watcher->number, is_open);
        watcher->control->references--;
        free(watcher);
    }
}
