#include "common/wire/resolver.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/process/address.h"
#include "common/process/lookup.h"

struct resolver {
    struct loop *loop;
    struct address_list names;
    int64_t interval_ms;
    void (*on_resolved)(void *context, const struct resolver_result *result);
    void *context;
    struct lookup *lookup; /* under way, or NULL */
    struct loop_timer again;
};

/* ---- what was found ---- */

static void add_address(struct resolver_result *result, struct resolver_address *addresses,
                        const struct lookup_address *found, uint16_t port)
{
    struct resolver_address address = {0};
    bool is_ipv6 = strchr(found->text, ':');
    int length = snprintf(address.text, sizeof(address.text), is_ipv6 ? "[%s]:%u" : "%s:%u",
                          found->text, (unsigned)port);
    ASSERT(length > 0 && (size_t)length < sizeof(address.text));
    for (size_t i = 0; i < result->count; i++)
        if (strcmp(addresses[i].text, address.text) == 0)
            return;
    if (result->count < RESOLVER_ADDRESSES)
        addresses[result->count++] = address;
}

/* A name that is not there is an answer (the service is scaled to nothing); a name server that is
 * not there is none. */
static bool is_answer(int error)
{
    return error == 0 || error == EAI_NONAME || error == EAI_NODATA;
}

static void report(struct resolver *resolver, const struct lookup *lookup)
{
    struct resolver_address *addresses = xcalloc(RESOLVER_ADDRESSES, sizeof(*addresses));
    struct resolver_result result = {.addresses = addresses, .is_complete = true};
    for (size_t i = 0; i < resolver->names.count; i++) {
        const struct lookup_answer *answer = lookup_answer(lookup, i);
        if (!is_answer(answer->error))
            result.is_complete = false;
        for (size_t k = 0; k < answer->count; k++)
            add_address(&result, addresses, &answer->addresses[k], resolver->names.items[i].port);
    }
    resolver->on_resolved(resolver->context, &result);
    free(addresses);
}

/* ---- one round ---- */

static struct lookup *make_lookup(const struct resolver *resolver)
{
    const struct address_list *names = &resolver->names;
    const char **hosts = xcalloc(names->count, sizeof(*hosts));
    for (size_t i = 0; i < names->count; i++)
        hosts[i] = names->items[i].host;
    struct lookup *lookup = lookup_new(hosts, names->count);
    free(hosts);
    return lookup;
}

static void on_done(void *context)
{
    struct resolver *resolver = context;
    loop_timer_start(resolver->loop, &resolver->again, resolver->interval_ms);
    report(resolver, resolver->lookup);
    lookup_destroy(&resolver->lookup);
}

/* Out of descriptors or threads is a moment's trouble: the next round tries again. */
static void begin_or_wait(struct resolver *resolver)
{
    if (lookup_start(resolver->lookup, resolver->loop, on_done, resolver) < 0) {
        lookup_destroy(&resolver->lookup);
        loop_timer_start(resolver->loop, &resolver->again, resolver->interval_ms);
    }
}

static void on_again(struct loop_timer *timer)
{
    struct resolver *resolver = CONTAINER_OF(timer, struct resolver, again);
    resolver->lookup = make_lookup(resolver);
    begin_or_wait(resolver);
}

/* ---- the resolver ---- */

int resolver_start(struct loop *loop, struct span addresses, int64_t interval_ms,
                   void (*on_resolved)(void *context, const struct resolver_result *result),
                   void *context, struct resolver **ret_resolver)
{
    struct address_list names;
    int rc = address_list_parse(addresses, &names);
    if (rc < 0)
        return rc;
    struct resolver *resolver = xcalloc(1, sizeof(*resolver));
    *resolver = (struct resolver){
        .loop = loop,
        .names = names,
        .interval_ms = interval_ms,
        .on_resolved = on_resolved,
        .context = context,
    };
    loop_timer_init(&resolver->again, on_again);
    *ret_resolver = resolver;
    resolver->lookup = make_lookup(resolver);
    if (lookup_answer_addresses(resolver->lookup)) {
        report(resolver, resolver->lookup);
        lookup_destroy(&resolver->lookup);
    } else {
        begin_or_wait(resolver);
    }
    return 0;
}

void resolver_destroy(struct resolver **resolver_place)
{
    struct resolver *resolver = *resolver_place;
    if (!resolver)
        return;
    *resolver_place = NULL;
    loop_timer_stop(resolver->loop, &resolver->again);
    lookup_destroy(&resolver->lookup);
    address_list_fini(&resolver->names);
    free(resolver);
}
