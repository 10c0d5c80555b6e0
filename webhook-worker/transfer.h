/* A transfer: one POST to the backend, on a libcurl handle that is set up once and used again for
 * one request after the other.
 *
 *     POST TARGET_URL
 *     Authorization: Bearer …                          renewed when the token is
 *     Content-Type: application/websocket-events
 *     Idempotency-Key: <connection id>:<first>-<last>
 *
 * Keep-alive; HTTP/2 when the target offers it over TLS; no `Expect: 100-continue`, no redirects,
 * no proxies, no compressed answers. An answer, or its headers, above the limits breaks the
 * transfer off while it still streams in.
 *
 * The HTTP client (http_client.h) owns transfers and drives them; what a request looks like and
 * what its end means is decided here. One thread.
 */
#ifndef SLIP_WEBHOOK_WORKER_TRANSFER_H
#define SLIP_WEBHOOK_WORKER_TRANSFER_H

#include <curl/curl.h>

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "common/contract/event.h"
#include "common/process/metrics.h"
#include "common/wire/outcome.h"

/* Bytes of the headers of one answer. */
#define TRANSFER_HEADER_LIMIT_BYTES ((size_t)128 << 10)

/* The same for all requests; strings are borrowed for as long as transfers live. */
struct transfer_settings {
    const char *url;
    const char *ca_file; /* NULL or "": the system's */
    int64_t connect_timeout_ms;
    size_t answer_limit_bytes;
    bool verifies_tls;
};

/* One request; everything is borrowed until it has ended. */
struct transfer_request {
    struct span body;
    const char *key;                   /* the value of Idempotency-Key, plain ASCII */
    const char *authorization;         /* the whole header line */
    uint64_t authorization_generation; /* another number whenever the line is another; not 0 */
    int64_t timeout_ms;                /* of the whole request */
};

/* How a request ended. Spans and strings are valid during the call that tells of it. */
struct transfer_result {
    enum job_outcome outcome; /* DELIVERED: a complete 2xx answer, whatever is in it */
    enum metric_label_webhook label;
    unsigned status;        /* 0: there was none */
    int64_t retry_after_ms; /* 0: there was none */
    struct span body;
    const char *error; /* "" when there is none */
    int64_t duration_us;
    int64_t first_byte_us; /* 0: there was none */
    unsigned connects;     /* connections opened for it */
};

struct transfer {
    struct list link; /* the HTTP client's: running or spare */
    void *pool;       /* the HTTP client's */
    void *owner;      /* whose request it is; NULL while spare */
    CURL *easy;
    const struct transfer_settings *settings;
    struct curl_slist headers[4];
    struct buffer authorization;
    uint64_t authorization_generation;
    char key_line[sizeof("Idempotency-Key: ") + EVENT_KEY_SIZE];
    char error[CURL_ERROR_SIZE];
    struct buffer answer;
    size_t header_bytes;
    bool is_too_big;
};

/* Never NULL. `settings` is borrowed. */
MUST_USE
struct transfer *transfer_new(const struct transfer_settings *settings);
void transfer_destroy(struct transfer **transfer);

/* Sets the handle up for a request; follow with curl_multi_add_handle(). */
void transfer_prepare(struct transfer *transfer, const struct transfer_request *request);

/* What libcurl's end of the transfer means. */
void transfer_read_result(struct transfer *transfer, CURLcode code,
                          struct transfer_result *ret_result);

/* Forgets the request; keeps the handle and, up to a bound, the memory. */
void transfer_clear(struct transfer *transfer);

#endif
