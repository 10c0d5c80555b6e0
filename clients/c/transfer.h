/* One HTTP request of a publisher, by libcurl: made once, and what came of it put into words. */
#ifndef SLIP_CLIENTS_C_TRANSFER_H
#define SLIP_CLIENTS_C_TRANSFER_H

#include <curl/curl.h>

#include "clients/c/internal.h"
#include "common/contract/token.h"

struct slip_publisher {
    CURL *curl;
    char *api;                   /* without a slash at its end */
    char *token;                 /* or … */
    struct token_signer *signer; /* … this one makes them */
    char *ca_file;
    int64_t timeout_ms;
    int64_t retry_limit_ms;
    unsigned int attempts;
    struct buffer answer; /* of the last attempt */
};

/* Everything is borrowed. */
struct transfer {
    const char *method;
    const char *path;
    const char *content_type; /* of the body */
    struct span body;
    bool has_body;
    const char *idempotency_key; /* or NULL */
    int64_t timeout_ms;
    /* An answer that does not end; NULL for the others, which go to publisher->answer. */
    bool (*on_data)(void *context, const char *data, size_t length);
    void *context;
    int64_t silence_ms;
};

/* SLIP_OK on a 2xx; else *error (never NULL) without its attempts. */
enum slip_result transfer_perform(struct slip_publisher *publisher, const struct transfer *transfer,
                                  struct slip_error *error);

#endif
