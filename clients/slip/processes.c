#include "clients/slip/processes.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

enum { RESOLVE_MS = 5000, PAGE_BYTES_MAX = 4 << 20, PROCESSES_MAX = 1000 };

void processes_init(struct processes *processes, const char *urls)
{
    *processes = (struct processes){.urls = urls ? xstrdup(urls) : NULL};
    processes->multi = curl_multi_init();
    ASSERT(processes->multi);
    processes->resolved_ms = INT64_MIN / 2;
}

static void free_process(struct process *process)
{
    free(process->url);
    free(process->where);
    free(process->connect);
    buffer_fini(&process->page);
}

void processes_fini(struct processes *processes)
{
    for (size_t i = 0; i < processes->count; i++)
        free_process(&processes->items[i]);
    free(processes->items);
    free(processes->urls);
    curl_multi_cleanup(processes->multi);
}

/* ---- who is there ---- */

static void add(struct processes *processes, const char *url, const char *where,
                const char *connect)
{
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->items[i];
        if (strcmp(process->url, url) == 0 && strcmp(process->where, where) == 0) {
            process->is_known = true;
            return;
        }
    }
    if (processes->count == PROCESSES_MAX)
        return;
    processes->items =
        xrealloc(processes->items, (processes->count + 1) * sizeof *processes->items);
    processes->items[processes->count++] = (struct process){.url = xstrdup(url),
                                                            .where = xstrdup(where),
                                                            .connect = xstrdup(connect),
                                                            .is_known = true};
}

static void add_address(struct processes *processes, const char *url, const char *port,
                        const struct addrinfo *address)
{
    char text[NI_MAXHOST], where[NI_MAXHOST + 16], connect[NI_MAXHOST + 32];
    bool is_v6 = address->ai_family == AF_INET6;

    if (getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return;
    snprintf(where, sizeof where, is_v6 ? "[%s]:%s" : "%s:%s", text, port);
    snprintf(connect, sizeof connect, is_v6 ? "::[%s]:" : "::%s:", text);
    add(processes, url, where, connect);
}

/* A name that is not known just now keeps what it had. */
static void keep(struct processes *processes, const char *url)
{
    for (size_t i = 0; i < processes->count; i++)
        if (strcmp(processes->items[i].url, url) == 0)
            processes->items[i].is_known = true;
}

static void resolve_url(struct processes *processes, const char *url)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char *host = NULL, *port = NULL;
    CURLU *parts = curl_url();

    if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        size_t length = strlen(host);
        if (host[0] == '[' && length > 2) {
            host[length - 1] = '\0';
            memmove(host, host + 1, length - 1);
        }
        if (getaddrinfo(host, NULL, &hints, &found) != 0)
            keep(processes, url);
        for (const struct addrinfo *each = found; each; each = each->ai_next)
            add_address(processes, url, port, each);
        if (found)
            freeaddrinfo(found);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

static void forget_unknown(struct processes *processes)
{
    size_t kept = 0;

    for (size_t i = 0; i < processes->count; i++) {
        if (processes->items[i].is_known)
            processes->items[kept++] = processes->items[i];
        else
            free_process(&processes->items[i]);
    }
    processes->count = kept;
}

static void resolve(struct processes *processes)
{
    struct span rest = span_text(processes->urls);

    for (size_t i = 0; i < processes->count; i++)
        processes->items[i].is_known = false;
    while (rest.data) {
        char *url = span_dup(span_trim(span_split(&rest, ',')));
        if (*url)
            resolve_url(processes, url);
        free(url);
    }
    forget_unknown(processes);
}

/* ---- what they say ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct buffer *page = context;

    if (size * count > PAGE_BYTES_MAX - page->length)
        return 0;
    buffer_append(page, data, size * count);
    return size * count;
}

static void begin(struct processes *processes, struct process *process, struct curl_slist **connect,
                  int64_t timeout_ms)
{
    buffer_clear(&process->page);
    process->is_up = false;
    *connect = curl_slist_append(NULL, process->connect);
    process->curl = curl_easy_init();
    ASSERT(process->curl && *connect);
    curl_easy_setopt(process->curl, CURLOPT_URL, process->url);
    curl_easy_setopt(process->curl, CURLOPT_CONNECT_TO, *connect);
    curl_easy_setopt(process->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(process->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(process->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(process->curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(process->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(process->curl, CURLOPT_WRITEDATA, &process->page);
    curl_easy_setopt(process->curl, CURLOPT_PRIVATE, process);
    curl_multi_add_handle(processes->multi, process->curl);
}

static void run_all(struct processes *processes)
{
    CURLMsg *message;
    int running = 1, left;

    while (running > 0) {
        curl_multi_perform(processes->multi, &running);
        if (running > 0)
            curl_multi_poll(processes->multi, NULL, 0, 200, NULL);
    }
    while ((message = curl_multi_info_read(processes->multi, &left))) {
        struct process *process = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &process);
        process->is_up = message->msg == CURLMSG_DONE && message->data.result == CURLE_OK;
    }
}

static void take(struct processes *processes, struct process *process)
{
    if (!process->is_up) {
        process->has_before = false;
        return;
    }
    process->before = process->now;
    figures_read(buffer_span(&process->page), &process->now);
    figures_since(&process->now, process->has_before ? &process->before : NULL, &process->growth);
    process->has_before = true;
    figures_add(&processes->sum, &process->growth);
}

void processes_read(struct processes *processes, int64_t timeout_ms)
{
    int64_t now_ms = clock_monotonic_ms();

    if (!processes->urls)
        return;
    if (now_ms - processes->resolved_ms >= RESOLVE_MS) {
        resolve(processes);
        processes->resolved_ms = now_ms;
    }
    struct curl_slist **connects = xcalloc(processes->count + 1, sizeof(struct curl_slist *));
    for (size_t i = 0; i < processes->count; i++)
        begin(processes, &processes->items[i], &connects[i], timeout_ms);
    run_all(processes);
    now_ms = clock_monotonic_ms();
    processes->seconds = processes->read_ms > 0 ? (double)(now_ms - processes->read_ms) / 1000 : 0;
    processes->read_ms = now_ms;
    processes->sum = (struct figures){.kind = KIND_UNKNOWN};
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->items[i];
        curl_multi_remove_handle(processes->multi, process->curl);
        curl_easy_cleanup(process->curl);
        curl_slist_free_all(connects[i]);
        take(processes, process);
    }
    free(connects);
}
