/* The processes whose /metrics pages `top` reads, and what they said last.
 *
 *     URLs ─ names with several addresses ─▶ one process for each address ─▶ pages, read at once
 *
 * Names are looked up anew now and then: processes come and go.
 */
#ifndef SLIP_CLIENTS_SLIP_PROCESSES_H
#define SLIP_CLIENTS_SLIP_PROCESSES_H

#include <curl/curl.h>

#include "clients/slip/figures.h"
#include "common/base/buffer.h"

struct process {
    char *url;
    char *where;   /* "127.0.0.1:9100" */
    char *connect; /* for libcurl: the name as the URL has it, its address */
    bool is_up;
    bool has_before;
    bool is_known; /* in the last look-up */
    struct figures before, now, growth;
    struct buffer page;
    CURL *curl; /* while it is read */
};

struct processes {
    CURLM *multi;
    char *urls;
    struct process *items;
    size_t count;
    int64_t resolved_ms;
    int64_t read_ms; /* when the pages were last read */
    double seconds;  /* between the last two times */
    struct figures sum;
};

/* `urls` are separated by commas; NULL: there are none. */
void processes_init(struct processes *processes, const char *urls);
void processes_fini(struct processes *processes);

/* Reads all pages, at most `timeout_ms` long. */
void processes_read(struct processes *processes, int64_t timeout_ms);

#endif
