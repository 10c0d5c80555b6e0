#include "webhook-worker/controls.h"

#include <stdlib.h>

#include "common/base/siphash.h"
#include "common/process/log.h"
#include "common/wire/report.h"
#include "webhook-worker/worker.h"

void controls_init(struct controls *controls)
{
    list_init(&controls->peers);
    list_init(&controls->parked);
}

void controls_fini(struct controls *controls)
{
    ASSERT(list_is_empty(&controls->parked));
    LIST_FOR_EACH(&controls->peers, link) {
        struct control_peer *control = LIST_ENTRY(link, struct control_peer, link);
        ASSERT(list_is_empty(&control->jobs));
        list_remove(&control->link);
        free(control);
    }
}

uint64_t controls_hash(struct span name)
{
    return siphash13(name, 0, 0);
}

static struct control_peer *choose(const struct controls *controls, struct span connection)
{
    struct control_peer *best = NULL;
    uint64_t best_weight = 0;
    LIST_FOR_EACH(&controls->peers, link) {
        struct control_peer *control = LIST_ENTRY(link, struct control_peer, link);
        uint64_t weight = rendezvous_weight(connection, control->hash);
        if (link_is_full(control->peer) || (best && weight <= best_weight))
            continue;
        best = control;
        best_weight = weight;
    }
    return best;
}

void controls_send(struct controls *controls, struct job *job)
{
    struct control_peer *control = choose(controls, job->items[0].connection);
    list_remove(&job->place);
    if (!control) {
        job_set_state(job, JOB_STATE_PARKED);
        list_append(&controls->parked, &job->place);
        return;
    }
    job_set_state(job, JOB_STATE_COMMANDING);
    job->control = control;
    list_append(&control->jobs, &job->place);
    buffer_append_span(link_packet(control->peer), buffer_span(&job->commands));
}

/* One pass: what cannot be sent is parked again. */
static void send_parked(struct controls *controls)
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &controls->parked);
    while (!list_is_empty(&waiting))
        controls_send(controls, LIST_FIRST(&waiting, struct job, place));
}

void controls_pass_on(struct controls *controls, struct span encoded)
{
    LIST_FOR_EACH(&controls->peers, link)
        buffer_append_span(link_packet(LIST_ENTRY(link, struct control_peer, link)->peer), encoded);
}

void controls_report(struct controls *controls, const struct message_report *report)
{
    LIST_FOR_EACH(&controls->peers, link) {
        struct link *peer = LIST_ENTRY(link, struct control_peer, link)->peer;
        if (span_equal(link_peer_name(peer), report->control))
            wire_put_report(link_packet(peer), report);
    }
}

static void on_up(void *context, struct link *peer)
{
    struct worker *worker = context;
    struct control_peer *control = xcalloc(1, sizeof(*control));
    control->peer = peer;
    control->hash = controls_hash(link_peer_name(peer));
    list_init(&control->jobs);
    list_append(&worker->controls.peers, &control->link);
    worker->controls.count++;
    link_set_data(peer, control);
    log_info("control up", LOG_SPAN("control", link_peer_name(peer)));
    rolls_put(&worker->rolls, link_packet(peer));
    send_parked(&worker->controls);
    worker_check_serving(worker);
}

static void on_down(void *context, struct link *peer)
{
    struct worker *worker = context;
    struct control_peer *control = link_data(peer);
    size_t moved = 0;
    link_set_data(peer, NULL);
    list_remove(&control->link);
    worker->controls.count--;
    while (!list_is_empty(&control->jobs)) {
        struct job *job = LIST_FIRST(&control->jobs, struct job, place);
        list_remove(&job->place);
        job_set_state(job, JOB_STATE_PARKED);
        job->control = NULL;
        list_append(&worker->controls.parked, &job->place);
        moved++;
    }
    free(control);
    worker_log_down("control down", peer, moved);
    send_parked(&worker->controls);
}

static void on_commanded(struct worker *worker, struct control_peer *control,
                         const struct wire_message *message)
{
    /* Whichever control says so: applied is applied. */
    (void)control;
    struct job *job = jobs_find(&worker->jobs, message->as.commanded.reference);
    if (job)
        job_delivered(job);
}

static void on_measure(struct worker *worker, struct control_peer *control,
                       const struct wire_message *message)
{
    const struct link_set *const connected[] = {worker->router_links, worker->control_links};
    worker_measure(worker);
    report_put_connected(link_packet(control->peer), PROGRAM_WORKER, span_text(worker->name),
                         &message->as.measure, connected, ARRAY_LENGTH(connected));
    routers_measure(&worker->routers, &message->as.measure);
}

static void (*const handlers[MESSAGE_ID_LIMIT])(struct worker *worker, struct control_peer *control,
                                                const struct wire_message *message) = {
    [MESSAGE_COMMANDED] = on_commanded,
    [MESSAGE_MEASURE] = on_measure,
};

static void on_message(void *context, struct link *peer, const struct wire_message *message)
{
    if (handlers[message->id])
        handlers[message->id](context, link_data(peer), message);
    else
        worker_ignore(message->id, peer);
}

static void on_received(void *context, struct link *peer)
{
    struct worker *worker = context;
    if (!list_is_empty(&worker->controls.parked) && !link_is_full(peer))
        send_parked(&worker->controls);
}

const struct link_handlers controls_link_handlers = {
    .on_up = on_up,
    .on_down = on_down,
    .on_message = on_message,
    .on_received = on_received,
    .on_silent = worker_link_silent,
    .on_refused = worker_link_refused,
};
