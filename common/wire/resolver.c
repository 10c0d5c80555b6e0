#include "common/wire/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/process/address.h"

/* One round of lookups. The thread writes the result, then is_done, then to done_fd, which wakes
 * the loop; the loop looks at is_done, then at the result. */
struct lookup {
    atomic_int references; /* the resolver's and the thread's */
    atomic_bool is_done;
    int done_fd;
    struct address_list names;
    struct resolver_address *addresses;
    size_t count;
    bool is_complete;
};

struct resolver {
    struct loop *loop;
    char *addresses;
    int64_t interval_ms;
    void (*on_resolved)(void *context, const struct resolver_result *result);
    void *context;
    struct lookup *lookup; /* under way, or NULL */
    struct loop_source done;
    struct loop_timer again;
};

/* ---- one round ---- */

static void lookup_unref(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->references, 1) > 1)
        return;
    if (lookup->done_fd >= 0)
        close(lookup->done_fd);
    address_list_fini(&lookup->names);
    free(lookup->addresses);
    free(lookup);
}

static void add_address(struct lookup *lookup, const struct addrinfo *found)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (lookup->count == RESOLVER_ADDRESSES ||
        getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    struct resolver_address address = {0};
    bool is_ipv6 = found->ai_family == AF_INET6;
    int length = snprintf(address.text, sizeof(address.text), "%s%s%s:%s", is_ipv6 ? "[" : "", host,
                          is_ipv6 ? "]" : "", port);
    if (length < 0 || (size_t)length >= sizeof(address.text))
        return;
    for (size_t i = 0; i < lookup->count; i++)
        if (strcmp(lookup->addresses[i].text, address.text) == 0)
            return;
    lookup->addresses[lookup->count++] = address;
}

/* A name that is not there is an answer (the service is scaled to nothing); a name server that is
 * not there is none. */
static bool is_answer(int rc)
{
    return rc == 0 || rc == EAI_NONAME || rc == EAI_NODATA;
}

static int look_up(struct lookup *lookup, const struct address *name, int flags)
{
    char port[sizeof("65535")];
    snprintf(port, sizeof(port), "%u", (unsigned)name->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    hints.ai_flags = AI_NUMERICSERV | flags;
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(name->host, port, &hints, &found);
    if (rc != 0)
        return rc;
    for (const struct addrinfo *each = found; each; each = each->ai_next)
        add_address(lookup, each);
    freeaddrinfo(found);
    return 0;
}

static void look_up_all(struct lookup *lookup)
{
    lookup->is_complete = true;
    for (size_t i = 0; i < lookup->names.count; i++)
        if (!is_answer(look_up(lookup, &lookup->names.items[i], 0)))
            lookup->is_complete = false;
}

/* Without asking anybody. False when there is a name among them. */
static bool look_up_numeric(struct lookup *lookup)
{
    lookup->is_complete = true;
    for (size_t i = 0; i < lookup->names.count; i++)
        if (look_up(lookup, &lookup->names.items[i], AI_NUMERICHOST) != 0)
            lookup->is_complete = false;
    return lookup->is_complete;
}

static void *run_lookup(void *argument)
{
    struct lookup *lookup = argument;
    look_up_all(lookup);
    atomic_store(&lookup->is_done, true);
    uint64_t one = 1;
    ssize_t written = write(lookup->done_fd, &one, sizeof(one));
    ASSERT(written == (ssize_t)sizeof(one));
    lookup_unref(lookup);
    return NULL;
}

static int lookup_new(struct span addresses, struct lookup **ret_lookup)
{
    struct address_list names;
    int rc = address_list_parse(addresses, &names);
    if (rc < 0)
        return rc;
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));
    lookup->references = 1;
    lookup->done_fd = -1;
    lookup->names = names;
    lookup->addresses = xcalloc(RESOLVER_ADDRESSES, sizeof(*lookup->addresses));
    *ret_lookup = lookup;
    return 0;
}

/* Signals are for the loop's thread. */
static int start_thread(struct lookup *lookup)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, run_lookup, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_detach(thread);
    return -rc;
}

/* ---- the resolver ---- */

static void report(struct resolver *resolver, const struct lookup *lookup)
{
    struct resolver_result result = {
        .addresses = lookup->addresses,
        .count = lookup->count,
        .is_complete = lookup->is_complete,
    };
    resolver->on_resolved(resolver->context, &result);
}

static void on_done(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct resolver *resolver = CONTAINER_OF(source, struct resolver, done);
    struct lookup *lookup = resolver->lookup;
    /* The kernel has put this behind the thread's writes already; C is told by the atomic. */
    ASSERT(atomic_load(&lookup->is_done));
    resolver->lookup = NULL;
    loop_remove(resolver->loop, &resolver->done);
    loop_timer_start(resolver->loop, &resolver->again, resolver->interval_ms);
    report(resolver, lookup);
    lookup_unref(lookup);
}

static int begin(struct resolver *resolver, struct lookup *lookup)
{
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->done_fd < 0)
        return -errno;
    resolver->done.fd = lookup->done_fd;
    int rc = loop_add(resolver->loop, &resolver->done);
    if (rc < 0) {
        resolver->done.fd = -1;
        return rc;
    }
    atomic_fetch_add(&lookup->references, 1);
    rc = start_thread(lookup);
    if (rc < 0) {
        loop_remove(resolver->loop, &resolver->done);
        atomic_fetch_sub(&lookup->references, 1); /* the caller's is left */
    }
    return rc;
}

/* Out of descriptors or threads is a moment's trouble: the next round tries again. */
static void begin_or_wait(struct resolver *resolver, struct lookup *lookup)
{
    lookup->count = 0;
    if (begin(resolver, lookup) == 0) {
        resolver->lookup = lookup;
    } else {
        lookup_unref(lookup);
        loop_timer_start(resolver->loop, &resolver->again, resolver->interval_ms);
    }
}

static void on_again(struct loop_timer *timer)
{
    struct resolver *resolver = CONTAINER_OF(timer, struct resolver, again);
    struct lookup *lookup = NULL;
    int rc = lookup_new(span_text(resolver->addresses), &lookup);
    ASSERT(rc == 0);
    begin_or_wait(resolver, lookup);
}

int resolver_start(struct loop *loop, struct span addresses, int64_t interval_ms,
                   void (*on_resolved)(void *context, const struct resolver_result *result),
                   void *context, struct resolver **ret_resolver)
{
    struct lookup *lookup = NULL;
    int rc = lookup_new(addresses, &lookup);
    if (rc < 0)
        return rc;
    struct resolver *resolver = xcalloc(1, sizeof(*resolver));
    *resolver = (struct resolver){
        .loop = loop,
        .addresses = span_dup(addresses),
        .interval_ms = interval_ms,
        .on_resolved = on_resolved,
        .context = context,
        .done = {.fd = -1, .events = EPOLLIN, .on_event = on_done},
    };
    loop_timer_init(&resolver->again, on_again);
    *ret_resolver = resolver;
    if (look_up_numeric(lookup)) {
        report(resolver, lookup);
        lookup_unref(lookup);
    } else {
        begin_or_wait(resolver, lookup);
    }
    return 0;
}

void resolver_destroy(struct resolver **resolver_place)
{
    struct resolver *resolver = *resolver_place;
    if (!resolver)
        return;
    *resolver_place = NULL;
    loop_remove(resolver->loop, &resolver->done);
    loop_timer_stop(resolver->loop, &resolver->again);
    if (resolver->lookup)
        lookup_unref(resolver->lookup);
    free(resolver->addresses);
    free(resolver);
}
