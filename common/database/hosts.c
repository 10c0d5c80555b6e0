#include "common/database/hosts.h"

#include <errno.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

void hosts_init(struct hosts *hosts, struct loop *loop, void (*on_known)(void *context),
                void *context)
{
    *hosts = (struct hosts){.loop = loop, .on_known = on_known, .context = context};
}

static void forget(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->items[i].name);
        free(hosts->items[i].address);
        free(hosts->items[i].port);
    }
    free(hosts->items);
    hosts->items = NULL;
    hosts->count = 0;
}

void hosts_fini(struct hosts *hosts)
{
    lookup_destroy(&hosts->lookup);
    forget(hosts);
    buffer_fini(&hosts->names);
    buffer_fini(&hosts->addresses);
    buffer_fini(&hosts->ports);
}

/* ---- what libpq would do ---- */

/* libpq's own view of the url, the environment and the service files: it has all of them together
 * only in a connection. This one is never made, for there is no such sslmode. */
static PQconninfoOption *ask_libpq(const char *url)
{
    static const char *const keywords[] = {"dbname", "sslmode", NULL};
    const char *values[] = {url, "(only to see the options)", NULL};
    PGconn *never = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *options = PQconninfo(never);

    ASSERT(options && PQstatus(never) == CONNECTION_BAD); /* else: without memory */
    PQfinish(never);
    return options;
}

static const PQconninfoOption *find_option(const PQconninfoOption *options, const char *keyword)
{
    while (strcmp(options->keyword, keyword) != 0)
        options++;
    return options;
}

static struct span list_of(const PQconninfoOption *options, const char *keyword)
{
    return span_text(find_option(options, keyword)->val);
}

static size_t count_of(struct span list)
{
    size_t count = list.length > 0;

    for (size_t i = 0; i < list.length; i++)
        count += list.data[i] == ',';
    return count;
}

static char *next_of(struct span *list)
{
    return span_dup(span_split(list, ','));
}

/* As libpq tells them apart. */
static bool is_name(const struct host *host)
{
    return !*host->address && *host->name && *host->name != '/' && *host->name != '@';
}

static void read_hosts(struct hosts *hosts, const PQconninfoOption *options)
{
    struct span names = list_of(options, "host"), addresses = list_of(options, "hostaddr");
    struct span ports = list_of(options, "port");
    const char *standard_port = find_option(options, "port")->compiled;
    size_t count = count_of(names), port_count = count_of(ports);

    /* Where the lists do not match, libpq will say so, before it looks up anything. */
    if ((addresses.length > 0 && count_of(addresses) != count) ||
        (port_count > 1 && port_count != count))
        return;
    hosts->items = xcalloc(count, sizeof *hosts->items);
    for (struct host *host = hosts->items; hosts->count < count; hosts->count++, host++) {
        struct span port = port_count > 1 ? span_split(&ports, ',') : ports;
        host->name = next_of(&names);
        host->address = next_of(&addresses);
        host->port = port.length > 0 ? span_dup(port) : xstrdup(standard_port);
    }
}

/* ---- looking up ---- */

static void on_done(void *context)
{
    struct hosts *hosts = context;

    hosts->on_known(hosts->context);
}

static size_t collect_names(struct hosts *hosts, const char **names)
{
    size_t count = 0;

    for (size_t i = 0; i < hosts->count; i++) {
        struct host *host = &hosts->items[i];
        host->asked = is_name(host) ? count : SIZE_MAX;
        if (is_name(host))
            names[count++] = host->name;
    }
    return count;
}

static int begin(struct hosts *hosts, const char *const *names, size_t count)
{
    hosts->lookup = lookup_new(names, count);
    if (lookup_answer_addresses(hosts->lookup))
        return 0;
    int error = lookup_start(hosts->lookup, hosts->loop, on_done, hosts);
    if (error < 0)
        lookup_destroy(&hosts->lookup);
    return error < 0 ? error : -EINPROGRESS;
}

int hosts_find(struct hosts *hosts, const char *url)
{
    if (hosts->lookup)
        return lookup_is_done(hosts->lookup) ? 0 : -EINPROGRESS;
    PQconninfoOption *options = ask_libpq(url);

    forget(hosts);
    read_hosts(hosts, options);
    PQconninfoFree(options);
    const char **names = xcalloc(hosts->count, sizeof *names);
    size_t count = collect_names(hosts, names);
    int error = count > 0 ? begin(hosts, names, count) : 0;
    free(names);
    return error;
}

/* ---- what was found ---- */

static void add(struct hosts *hosts, const struct host *host, const char *address)
{
    struct buffer *lists[] = {&hosts->names, &hosts->addresses, &hosts->ports};
    const char *values[] = {host->name, address, host->port};

    if (hosts->found == HOSTS_MAX)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        buffer_append_text(lists[i], hosts->found > 0 ? "," : "");
        buffer_append_text(lists[i], values[i]);
    }
    hosts->found++;
}

/* In libpq's words. */
static void add_missing(struct hosts *hosts, const struct host *host, int error)
{
    size_t length = strlen(hosts->missing);

    snprintf(hosts->missing + length, sizeof hosts->missing - length,
             "%scould not translate host name \"%s\" to address: %s", length > 0 ? "; " : "",
             host->name, gai_strerror(error));
}

static void add_answer(struct hosts *hosts, const struct host *host)
{
    const struct lookup_answer *answer = lookup_answer(hosts->lookup, host->asked);

    for (size_t i = 0; i < answer->count; i++)
        add(hosts, host, answer->addresses[i].text);
    if (answer->count == 0)
        add_missing(hosts, host, answer->error ? answer->error : EAI_NODATA);
}

static void clear(struct hosts *hosts)
{
    hosts->found = 0;
    hosts->missing[0] = '\0';
    buffer_clear(&hosts->names);
    buffer_clear(&hosts->addresses);
    buffer_clear(&hosts->ports);
}

static void add_all(struct hosts *hosts)
{
    const struct host *nameless = NULL;

    for (size_t i = 0; i < hosts->count; i++) {
        const struct host *host = &hosts->items[i];
        if (host->asked != SIZE_MAX)
            add_answer(hosts, host);
        else
            add(hosts, host, host->address);
        if (!*host->name)
            nameless = host;
    }
    /* An empty value is none to libpq, which would look up what the url says; two are a list. */
    if (nameless && hosts->found == 1)
        add(hosts, nameless, nameless->address);
}

bool hosts_take(struct hosts *hosts)
{
    clear(hosts);
    if (!hosts->lookup)
        return true;
    add_all(hosts);
    lookup_destroy(&hosts->lookup);
    buffer_append_byte(&hosts->names, '\0');
    buffer_append_byte(&hosts->addresses, '\0');
    buffer_append_byte(&hosts->ports, '\0');
    return hosts->found > 0;
}
