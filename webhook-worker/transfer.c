#include "webhook-worker/transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define KEPT_BYTES ((size_t)256 << 10) /* of an answer's memory, between requests */

enum { HEADER_AUTHORIZATION, HEADER_KEY, HEADER_CONTENT_TYPE, HEADER_EXPECT, HEADER_COUNT };

static_assert(ARRAY_LENGTH(((struct transfer *)0)->headers) == HEADER_COUNT,
              "one node for each header");

/* libcurl's list has no const. */
static char content_type_line[] = "Content-Type: " EVENT_MEDIA_TYPE;
static char no_expect_line[] = "Expect:";

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    struct transfer *transfer = context;
    transfer->header_bytes += size * count;
    if (transfer->header_bytes <= TRANSFER_HEADER_LIMIT_BYTES)
        return size * count;
    transfer->is_too_big = true;
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    if (length > transfer->settings->answer_limit_bytes - transfer->answer.length) {
        transfer->is_too_big = true;
        return 0;
    }
    buffer_append(&transfer->answer, data, length);
    return length;
}

static void set_long(CURL *easy, CURLoption option, long value)
{
    CURLcode code = curl_easy_setopt(easy, option, value);
    ASSERT(code == CURLE_OK);
}

static void set_pointer(CURL *easy, CURLoption option, const void *value)
{
    CURLcode code = curl_easy_setopt(easy, option, value);
    ASSERT(code == CURLE_OK);
}

/* Only over TLS can HTTP/2 be agreed on. A burst of first requests then waits for the one
 * connection to find out, instead of opening one each. */
static void set_version(CURL *easy, const char *url)
{
    bool is_tls = span_starts_with(span_text(url), span_text("https:"));
    set_long(easy, CURLOPT_HTTP_VERSION, is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    set_long(easy, CURLOPT_PIPEWAIT, is_tls);
}

static void set_tls(CURL *easy, const struct transfer_settings *settings)
{
    set_long(easy, CURLOPT_SSL_VERIFYPEER, settings->verifies_tls);
    set_long(easy, CURLOPT_SSL_VERIFYHOST, settings->verifies_tls ? 2 : 0);
    if (settings->ca_file && settings->ca_file[0])
        set_pointer(easy, CURLOPT_CAINFO, settings->ca_file);
}

static void set_up(struct transfer *transfer)
{
    const struct transfer_settings *settings = transfer->settings;
    CURL *easy = transfer->easy;
    set_pointer(easy, CURLOPT_PRIVATE, transfer);
    set_pointer(easy, CURLOPT_URL, settings->url);
    set_pointer(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_pointer(easy, CURLOPT_NOPROXY, "*");
    set_pointer(easy, CURLOPT_USERAGENT, "slip-sockets/" SLIP_VERSION);
    set_pointer(easy, CURLOPT_HTTPHEADER, &transfer->headers[0]);
    set_pointer(easy, CURLOPT_ERRORBUFFER, transfer->error);
    set_pointer(easy, CURLOPT_WRITEDATA, transfer);
    set_pointer(easy, CURLOPT_HEADERDATA, transfer);
    ASSERT(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK);
    ASSERT(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK);
    set_long(easy, CURLOPT_POST, 1);
    set_long(easy, CURLOPT_NOSIGNAL, 1);
    set_long(easy, CURLOPT_FOLLOWLOCATION, 0);
    set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    /* A cancelled transfer would otherwise wait for its resolver's thread, and the loop with it. */
    set_long(easy, CURLOPT_QUICK_EXIT, 1);
    set_version(easy, settings->url);
    set_tls(easy, settings);
}

struct transfer *transfer_new(const struct transfer_settings *settings)
{
    struct transfer *transfer = xcalloc(1, sizeof(*transfer));
    list_init(&transfer->link);
    transfer->settings = settings;
    for (size_t i = 0; i + 1 < HEADER_COUNT; i++)
        transfer->headers[i].next = &transfer->headers[i + 1];
    transfer->headers[HEADER_KEY].data = transfer->key_line;
    transfer->headers[HEADER_CONTENT_TYPE].data = content_type_line;
    transfer->headers[HEADER_EXPECT].data = no_expect_line;
    transfer->easy = curl_easy_init();
    ASSERT(transfer->easy);
    set_up(transfer);
    return transfer;
}

void transfer_destroy(struct transfer **transfer_place)
{
    struct transfer *transfer = *transfer_place;
    if (!transfer)
        return;
    *transfer_place = NULL;
    list_remove(&transfer->link);
    curl_easy_cleanup(transfer->easy);
    buffer_fini(&transfer->authorization);
    buffer_fini(&transfer->answer);
    free(transfer);
}

/* One token serves many requests, and a handle many requests with one token. */
static void take_authorization(struct transfer *transfer, const struct transfer_request *request)
{
    ASSERT(request->authorization_generation != 0);
    if (transfer->authorization_generation == request->authorization_generation)
        return;
    buffer_clear(&transfer->authorization);
    buffer_append(&transfer->authorization, request->authorization,
                  strlen(request->authorization) + 1);
    transfer->headers[HEADER_AUTHORIZATION].data = transfer->authorization.data;
    transfer->authorization_generation = request->authorization_generation;
}

void transfer_prepare(struct transfer *transfer, const struct transfer_request *request)
{
    take_authorization(transfer, request);
    int length = snprintf(transfer->key_line, sizeof(transfer->key_line), "Idempotency-Key: %s",
                          request->key);
    ASSERT(length > 0 && (size_t)length < sizeof(transfer->key_line));
    transfer->error[0] = '\0';
    transfer->header_bytes = 0;
    transfer->is_too_big = false;
    set_pointer(transfer->easy, CURLOPT_POSTFIELDS, request->body.data);
    CURLcode code = curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                     (curl_off_t)request->body.length);
    ASSERT(code == CURLE_OK);
    set_long(transfer->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
}

static long info_long(CURL *easy, CURLINFO info)
{
    long value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

static int64_t info_offset(CURL *easy, CURLINFO info)
{
    curl_off_t value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

/* A status other than 2xx counts even when its body broke off: the backend has said no. */
static enum job_outcome outcome_of(const struct transfer *transfer, CURLcode code, long status)
{
    if (status >= 300 || (code == CURLE_OK && status < 200))
        return JOB_STATUS;
    if (transfer->is_too_big)
        return JOB_INVALID_ANSWER;
    if (code == CURLE_OK)
        return JOB_DELIVERED;
    if (info_long(transfer->easy, CURLINFO_REQUEST_SIZE) == 0)
        return JOB_NOT_SENT;
    return code == CURLE_OPERATION_TIMEDOUT ? JOB_TIMED_OUT : JOB_BROKEN;
}

static enum metric_label_webhook label_of_status(unsigned status)
{
    if (status == 429 || status == 503)
        return LABEL_WEBHOOK_BUSY;
    return status >= 500 ? LABEL_WEBHOOK_SERVER_ERROR : LABEL_WEBHOOK_CLIENT_ERROR;
}

static enum metric_label_webhook label_of(enum job_outcome outcome, unsigned status)
{
    static const enum metric_label_webhook labels[] = {
        [JOB_DELIVERED] = LABEL_WEBHOOK_OK,           [JOB_NOT_SENT] = LABEL_WEBHOOK_CONNECT,
        [JOB_TIMED_OUT] = LABEL_WEBHOOK_TIMEOUT,      [JOB_BROKEN] = LABEL_WEBHOOK_BROKEN,
        [JOB_INVALID_ANSWER] = LABEL_WEBHOOK_TOO_BIG,
    };
    return outcome == JOB_STATUS ? label_of_status(status) : labels[outcome];
}

static const char *error_of(const struct transfer *transfer, CURLcode code,
                            enum job_outcome outcome)
{
    if (outcome == JOB_DELIVERED || outcome == JOB_STATUS)
        return "";
    if (outcome == JOB_INVALID_ANSWER)
        return "the answer is too large";
    return transfer->error[0] ? transfer->error : curl_easy_strerror(code);
}

void transfer_read_result(struct transfer *transfer, CURLcode code,
                          struct transfer_result *ret_result)
{
    CURL *easy = transfer->easy;
    long status = info_long(easy, CURLINFO_RESPONSE_CODE);
    enum job_outcome outcome = outcome_of(transfer, code, status);
    *ret_result = (struct transfer_result){
        .outcome = outcome,
        .label = label_of(outcome, (unsigned)status),
        .status = (unsigned)status,
        .retry_after_ms =
            outcome == JOB_STATUS ? info_offset(easy, CURLINFO_RETRY_AFTER) * 1000 : 0,
        .body = buffer_span(&transfer->answer),
        .error = error_of(transfer, code, outcome),
        .duration_us = info_offset(easy, CURLINFO_TOTAL_TIME_T),
        .first_byte_us = status ? info_offset(easy, CURLINFO_STARTTRANSFER_TIME_T) : 0,
        .connects = (unsigned)info_long(easy, CURLINFO_NUM_CONNECTS),
    };
}

void transfer_clear(struct transfer *transfer)
{
    transfer->owner = NULL;
    if (transfer->answer.capacity > KEPT_BYTES)
        buffer_fini(&transfer->answer);
    buffer_clear(&transfer->answer);
}
