#include "control/commands.h"

#include <stdlib.h>

#include "common/process/log.h"

struct worker {
    struct list link_in_set;
    struct link *link;
    struct list answers; /* that wait for their COMMANDED */
};

/* COMMANDS in progress. */
struct answer {
    struct list link_in_worker;
    struct worker *worker;
    struct request *request;
    uint64_t reference;
};

void worker_set_init(struct worker_set *set)
{
    list_init(&set->workers);
    set->count = 0;
}

static void free_answer(struct answer *answer)
{
    list_remove(&answer->link_in_worker);
    free(answer);
}

static void free_worker(struct worker_set *set, struct worker *worker)
{
    LIST_FOR_EACH(&worker->answers, link) {
        free_answer(LIST_ENTRY(link, struct answer, link_in_worker));
    }
    list_remove(&worker->link_in_set);
    set->count--;
    free(worker);
}

void worker_set_fini(struct worker_set *set)
{
    LIST_FOR_EACH(&set->workers, link) {
        free_worker(set, LIST_ENTRY(link, struct worker, link_in_set));
    }
}

void worker_linked(struct worker_set *set, struct link *link)
{
    struct worker *worker = xcalloc(1, sizeof *worker);

    worker->link = link;
    list_init(&worker->answers);
    list_append(&set->workers, &worker->link_in_set);
    set->count++;
    link_set_data(link, worker);
}

void worker_unlinked(struct worker_set *set, struct link *link)
{
    struct worker *worker = link_data(link);

    if (!worker)
        return;
    LIST_FOR_EACH(&worker->answers, answer_link) {
        request_abandon(LIST_ENTRY(answer_link, struct answer, link_in_worker)->request);
    }
    link_set_data(link, NULL);
    free_worker(set, worker);
}

static void on_finished(void *context, const struct request *request)
{
    struct answer *answer = context;
    struct message_commanded message = {.reference = answer->reference};

    (void)request;
    wire_put_commanded(link_packet(answer->worker->link), &message);
    free_answer(answer);
}

/* A newer worker may know commands that we do not: then it must not be told that they are applied.
 */
static bool is_known(const struct message_commands *message)
{
    for (size_t i = 0; i < message->commands.count; i++)
        if (message->commands.items[i].type >= COMMAND_TYPE_COUNT)
            return false;
    return true;
}

void worker_commands(struct request_set *requests, struct link *link,
                     const struct message_commands *message)
{
    static struct log_limit limit;
    struct worker *worker = link_data(link);

    if (!worker)
        return;
    if (!is_known(message)) {
        log_limited(&limit, LOG_LEVEL_WARNING, "commands of a newer version; not carried out",
                    LOG_SPAN("conn", message->origin), LOG_SPAN("worker", link_peer_name(link)));
        return;
    }
    struct answer *answer = xcalloc(1, sizeof *answer);
    answer->worker = worker;
    answer->reference = message->reference;
    list_append(&worker->answers, &answer->link_in_worker);
    answer->request = request_new_commands(requests, message);
    answer->request->on_finished = on_finished;
    answer->request->context = answer;
    request_begin(answer->request);
}
