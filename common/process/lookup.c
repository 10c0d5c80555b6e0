#include "common/process/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The thread writes the answers, then has_answers, then to done.fd, which wakes the loop; the loop
 * looks at has_answers, then at the answers. */
struct lookup {
    atomic_int references; /* the owner's and the thread's */
    atomic_bool has_answers;
    int done_fd;
    char **hosts;
    struct lookup_answer *answers;
    size_t count;
    /* the loop's alone */
    struct loop *loop;
    struct loop_source done;
    void (*on_done)(void *context);
    void *context;
    bool is_done;
};

static void lookup_unref(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->references, 1) > 1)
        return;
    if (lookup->done_fd >= 0)
        close(lookup->done_fd);
    for (size_t i = 0; i < lookup->count; i++) {
        free(lookup->hosts[i]);
        free(lookup->answers[i].addresses);
    }
    free(lookup->hosts);
    free(lookup->answers);
    free(lookup);
}

/* ---- the question ---- */

static void add_address(struct lookup_answer *answer, const struct addrinfo *found)
{
    struct lookup_address address;
    if (getnameinfo(found->ai_addr, found->ai_addrlen, address.text, sizeof(address.text), NULL, 0,
                    NI_NUMERICHOST) != 0)
        return;
    for (size_t i = 0; i < answer->count; i++)
        if (strcmp(answer->addresses[i].text, address.text) == 0)
            return;
    answer->addresses[answer->count++] = address;
}

static void take(struct lookup_answer *answer, const struct addrinfo *found)
{
    size_t count = 0;
    for (const struct addrinfo *each = found; each && count < LOOKUP_ADDRESSES;
         each = each->ai_next)
        count++;
    answer->addresses = xcalloc(count, sizeof(*answer->addresses));
    for (; count > 0; count--, found = found->ai_next)
        add_address(answer, found);
}

static void ask(struct lookup *lookup, size_t index, int flags)
{
    struct lookup_answer *answer = &lookup->answers[index];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    answer->error = getaddrinfo(lookup->hosts[index], NULL, &hints, &found);
    if (answer->error == 0) {
        take(answer, found);
        freeaddrinfo(found);
    }
}

static void forget_answers(struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->count; i++) {
        free(lookup->answers[i].addresses);
        lookup->answers[i] = (struct lookup_answer){0};
    }
}

bool lookup_answer_addresses(struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->count; i++) {
        ask(lookup, i, AI_NUMERICHOST);
        if (lookup->answers[i].error != 0) {
            forget_answers(lookup);
            return false;
        }
    }
    lookup->is_done = true;
    return true;
}

/* ---- the thread ---- */

static void *run(void *argument)
{
    struct lookup *lookup = argument;
    for (size_t i = 0; i < lookup->count; i++)
        ask(lookup, i, 0);
    atomic_store(&lookup->has_answers, true);
    uint64_t one = 1;
    ssize_t written = write(lookup->done_fd, &one, sizeof(one));
    ASSERT(written == (ssize_t)sizeof(one));
    lookup_unref(lookup);
    return NULL;
}

/* Signals are for the loop's thread. */
static int start_thread(struct lookup *lookup)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, run, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_detach(thread);
    return -rc;
}

/* ---- the loop ---- */

static void on_event(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct lookup *lookup = CONTAINER_OF(source, struct lookup, done);
    /* The kernel has put this behind the thread's writes already; C is told by the atomic. */
    ASSERT(atomic_load(&lookup->has_answers));
    loop_remove(lookup->loop, &lookup->done);
    lookup->is_done = true;
    lookup->on_done(lookup->context);
}

int lookup_start(struct lookup *lookup, struct loop *loop, void (*on_done)(void *context),
                 void *context)
{
    ASSERT(lookup->done_fd < 0 && !lookup->is_done);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    lookup->done_fd = fd;
    lookup->loop = loop;
    lookup->on_done = on_done;
    lookup->context = context;
    lookup->done = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_event};
    int rc = loop_add(loop, &lookup->done);
    if (rc < 0) {
        lookup->done.fd = -1;
        return rc;
    }
    atomic_fetch_add(&lookup->references, 1);
    rc = start_thread(lookup);
    if (rc < 0) {
        loop_remove(loop, &lookup->done);
        atomic_fetch_sub(&lookup->references, 1); /* the owner's is left */
    }
    return rc;
}

/* ---- the interface ---- */

struct lookup *lookup_new(const char *const *hosts, size_t count)
{
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));
    lookup->references = 1;
    lookup->done_fd = -1;
    lookup->done.fd = -1;
    lookup->hosts = xcalloc(count, sizeof(*lookup->hosts));
    lookup->answers = xcalloc(count, sizeof(*lookup->answers));
    lookup->count = count;
    for (size_t i = 0; i < count; i++)
        lookup->hosts[i] = xstrdup(hosts[i]);
    return lookup;
}

bool lookup_is_done(const struct lookup *lookup)
{
    return lookup->is_done;
}

const struct lookup_answer *lookup_answer(const struct lookup *lookup, size_t index)
{
    ASSERT(lookup->is_done && index < lookup->count);
    return &lookup->answers[index];
}

void lookup_destroy(struct lookup **lookup_place)
{
    struct lookup *lookup = *lookup_place;
    if (!lookup)
        return;
    *lookup_place = NULL;
    if (lookup->loop)
        loop_remove(lookup->loop, &lookup->done);
    lookup_unref(lookup);
}
