/* A transfer by libcurl, on a handle that is set up once and used again for one request after the
 * other. Who owns it (curl.h) drives it; what is asked of libcurl is decided here.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_CURL_TRANSFER_H
#define SLIP_WEBHOOK_WORKER_HTTP_CURL_TRANSFER_H

#include <curl/curl.h>

#include "webhook-worker/http/transfer.h"

struct http_pool;

struct curl_transfer {
    struct transfer base;
    struct http_pool *pool;
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
struct curl_transfer *curl_transfer_new(const struct transfer_settings *settings);
void curl_transfer_destroy(struct curl_transfer *transfer);

/* Sets the handle up for a request; follow with http_multi_add(). */
void curl_transfer_prepare(struct curl_transfer *transfer, const struct transfer_request *request);

/* What libcurl's end of the transfer means. */
void curl_transfer_read_result(struct curl_transfer *transfer, CURLcode code,
                               struct transfer_result *ret_result);

/* Forgets the request; keeps the handle and, up to a bound, the memory. */
void curl_transfer_clear(struct curl_transfer *transfer);

#endif
