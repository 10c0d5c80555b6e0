#include "control/request.h"

#include <stdlib.h>

#include "common/process/metrics.h"

_Static_assert((int)LABEL_COUNT_command == (int)COMMAND_TYPE_COUNT &&
                   (int)LABEL_COMMAND_CLOSE_CHANNEL == (int)COMMAND_CLOSE_CHANNEL,
               "commands are counted under their own number");

void request_set_init(struct request_set *set, struct loop *loop, struct edge_set *edges,
                      struct channel_map *channels)
{
    *set = (struct request_set){.loop = loop, .edges = edges, .channels = channels};
    list_init(&set->waiting);
    list_init(&set->running);
}

static void free_request(struct request *request)
{
    struct request_set *set = request->set;

    loop_timer_stop(set->loop, &request->poll_timer);
    list_remove(&request->link);
    set->count--;
    if (request->is_rest)
        set->rest_bytes -= request->bytes;
    command_list_fini(&request->list);
    free(request->memory);
    free(request->headers);
    free(request->commands);
    free(request);
}

static void free_all(struct list *list)
{
    LIST_FOR_EACH(list, link) {
        free_request(LIST_ENTRY(link, struct request, link));
    }
}

void request_set_fini(struct request_set *set)
{
    free_all(&set->waiting);
    free_all(&set->running);
}

/* ---- carrying out ---- */

static void advance(struct request *request);

static void finish(struct request *request)
{
    if (request->on_finished)
        request->on_finished(request->context, request);
    free_request(request);
}

static void tell_polling(struct request *request, bool is_polling)
{
    request->state = is_polling ? REQUEST_POLLING : REQUEST_RUNNING;
    if (request->on_polling)
        request->on_polling(request->context, is_polling);
}

static void on_poll_over(struct parcel *parcel)
{
    struct request *request = CONTAINER_OF(parcel, struct request, parcel);

    loop_timer_stop(request->set->loop, &request->poll_timer);
    tell_polling(request, false);
    advance(request);
}

static void on_poll_due(struct loop_timer *timer)
{
    struct request *request = CONTAINER_OF(timer, struct request, poll_timer);
    edge_poll_cancel(&request->parcel);
    on_poll_over(&request->parcel);
}

static void on_applied(struct parcel *parcel, size_t index)
{
    (void)index;
    advance(CONTAINER_OF(parcel, struct request, parcel));
}

bool request_is_for_channel(const struct record_command_body *command)
{
    return command->type == COMMAND_PUBLISH_TEXT || command->type == COMMAND_PUBLISH_BINARY ||
           command->type == COMMAND_CLOSE_CHANNEL;
}

static void on_gone(struct parcel *parcel, size_t index)
{
    struct request *request = CONTAINER_OF(parcel, struct request, parcel);
    request->missed += !request_is_for_channel(&parcel->commands[index]);
    advance(request);
}

static void send_to_channel(struct request *request, size_t index)
{
    struct request_set *set = request->set;
    uint64_t stamp = channel_map_stamp(set->channels, request->commands[index].target);

    EDGE_SET_FOR_EACH(set->edges, edge) {
        if (edge_is_concerned(set->edges, edge, stamp))
            (void)edge_send(set->edges, edge, &request->parcel, index);
    }
}

static void poll(struct request *request, struct edge *edge, size_t index)
{
    int64_t wait_ms = (int64_t)request->commands[index].timeout_ms;

    if (wait_ms == 0)
        return;
    edge_poll(request->set->edges, edge, &request->parcel, index);
    loop_timer_start(request->set->loop, &request->poll_timer, wait_ms);
    tell_polling(request, true);
}

static void send_to_connection(struct request *request, size_t index)
{
    const struct record_command_body *command = &request->commands[index];
    struct edge *edge = NULL;
    struct span id;

    if (connection_id_edge(command->target, &id) == 0)
        edge = edge_set_get(request->set->edges, id);
    if (!edge || edge->is_gone) {
        request->missed++;
    } else if (command->type == COMMAND_POLL_FOR_CONNECTION) {
        poll(request, edge, index);
    } else {
        (void)edge_send(request->set->edges, edge, &request->parcel, index);
    }
}

static void carry_out(struct request *request, size_t index)
{
    const struct record_command_body *command = &request->commands[index];

    metric_add_label(METRIC_COMMANDS, (unsigned int)command->type, 1);
    if (request_is_for_channel(command))
        send_to_channel(request, index);
    else
        send_to_connection(request, index);
}

/* Gives out what can be given out; called again whenever something it waited for has come. Frees
 * the request when it is finished. */
static void advance(struct request *request)
{
    while (request->state == REQUEST_RUNNING && request->next < request->parcel.count)
        carry_out(request, request->next++);
    if (request->state == REQUEST_RUNNING && request->parcel.receipts == 0)
        finish(request);
}

void request_init(struct request *request, struct request_set *set)
{
    *request = (struct request){.set = set};
    request->parcel.on_applied = on_applied;
    request->parcel.on_gone = on_gone;
    request->parcel.on_polled = on_poll_over;
    list_init(&request->link);
    loop_timer_init(&request->poll_timer, on_poll_due);
    set->count++;
}

static void start(struct request *request)
{
    request->state = REQUEST_RUNNING;
    list_remove(&request->link);
    list_append(&request->set->running, &request->link);
    advance(request);
}

void request_begin(struct request *request)
{
    struct request_set *set = request->set;

    if (set->is_warm) {
        start(request);
        return;
    }
    list_append(&set->waiting, &request->link);
}

void request_set_warm(struct request_set *set)
{
    set->is_warm = true;
    LIST_FOR_EACH(&set->waiting, link) {
        start(LIST_ENTRY(link, struct request, link));
    }
}

void request_destroy(struct request **request)
{
    if (*request)
        free_request(*request);
    *request = NULL;
}

void request_abandon(struct request *request)
{
    request->on_finished = NULL;
    request->on_polling = NULL;
    request->context = NULL;
}

/* ---- admission ---- */

static bool connection_is_free(const struct request_set *set, struct span connection)
{
    struct span id;
    const struct edge *edge = NULL;

    if (connection_id_edge(connection, &id) == 0)
        edge = edge_set_find(set->edges, id);
    return !edge || !edge_is_full(edge);
}

static bool channel_is_free(const struct request_set *set, struct span channel)
{
    uint64_t stamp = channel_map_stamp(set->channels, channel);

    EDGE_SET_FOR_EACH(set->edges, edge) {
        if (edge_is_full(edge) && edge_is_concerned(set->edges, edge, stamp))
            return false;
    }
    return true;
}

bool request_is_admissible(const struct request *request)
{
    for (size_t i = 0; i < request->parcel.count; i++) {
        const struct record_command_body *command = &request->commands[i];
        if (!(request_is_for_channel(command) ? channel_is_free(request->set, command->target)
                                              : connection_is_free(request->set, command->target)))
            return false;
    }
    return true;
}
