/* A transfer: one POST to the backend.
 *
 *     POST TARGET_URL
 *     Authorization: Bearer …
 *     Content-Type: application/websocket-events
 *     Idempotency-Key: <connection id>:<first>-<last>
 *
 * Keep-alive; no `Expect: 100-continue`, no redirects, no proxies, no compressed answers. An
 * answer, or its headers, above the limits breaks the transfer off while it still streams in.
 *
 * What a request is, and what its end means, is said here, whoever carries it (client.h).
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_TRANSFER_H
#define SLIP_WEBHOOK_WORKER_HTTP_TRANSFER_H

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "common/contract/event.h"
#include "common/process/metrics.h"
#include "common/wire/outcome.h"

/* Bytes of the headers of one answer. */
#define TRANSFER_HEADER_LIMIT_BYTES ((size_t)128 << 10)

#define TRANSFER_USER_AGENT "slip-sockets/" SLIP_VERSION

/* The same for all requests; strings are borrowed for as long as the client lives. */
struct transfer_settings {
    const char *url;
    const char *ca_file; /* NULL or "": the system's */
    int64_t connect_timeout_ms;
    size_t answer_limit_bytes;
    bool verifies_tls;
};

/* One request; `body` is borrowed until it has ended, the rest is not. */
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

#define TRANSFER_WORDS_SIZE 256

/* What is common to the transfers of all kinds of client. */
struct transfer {
    struct list link;                /* the client's: running or spare */
    void *owner;                     /* whose request it is; NULL while spare */
    char words[TRANSFER_WORDS_SIZE]; /* the backend's own, about the last request that it refused */
};

/* What was seen of a request that has ended. */
struct transfer_facts {
    unsigned status;  /* 0: no answer began */
    bool is_complete; /* the answer came to its end */
    bool is_too_big;
    bool was_sent; /* a byte of it, at least */
    bool is_timed_out;
    const char *error; /* why it is not complete, or NULL */
};

/* What Retry-After told: at most a day, which is the longest that a router would wait; 0 for a
 * moment that has passed. */
int64_t transfer_retry_after_ms(int64_t seconds);

/* Sets `outcome`, `label`, `status` and `error` of a result whose `body` is set. Of an answer that
 * refuses, `error` is the beginning of the body, in one line of UTF-8, for people. */
void transfer_judge(struct transfer *transfer, const struct transfer_facts *facts,
                    struct transfer_result *result);

/* The kernel acknowledges at once what it has received on this socket. A backend that writes head
 * and body one after the other, with Nagle's algorithm on, sends the body only then; the kernel
 * would wait for up to 40 ms whether we have something to say. Lasts until we do. */
void transfer_acknowledge(int fd);

/* Room for an answer that was large is not kept for the next. */
void transfer_forget_answer(struct buffer *answer);

#endif
