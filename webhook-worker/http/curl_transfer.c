#include "webhook-worker/http/curl_transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADER_AUTHORIZATION, HEADER_KEY, HEADER_CONTENT_TYPE, HEADER_EXPECT, HEADER_COUNT };

static_assert(ARRAY_LENGTH(((struct curl_transfer *)0)->headers) == HEADER_COUNT,
              "one node for each header");

/* libcurl's list has no const. */
static char content_type_line[] = "Content-Type: " EVENT_MEDIA_TYPE;
static char no_expect_line[] = "Expect:";

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    struct curl_transfer *transfer = context;
    transfer->header_bytes += size * count;
    if (transfer->header_bytes <= TRANSFER_HEADER_LIMIT_BYTES)
        return size * count;
    transfer->is_too_big = true;
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct curl_transfer *transfer = context;
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

static void set_up(struct curl_transfer *transfer)
{
    const struct transfer_settings *settings = transfer->settings;
    CURL *easy = transfer->easy;
    set_pointer(easy, CURLOPT_PRIVATE, transfer);
    set_pointer(easy, CURLOPT_URL, settings->url);
    set_pointer(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_pointer(easy, CURLOPT_NOPROXY, "*");
    set_pointer(easy, CURLOPT_USERAGENT, TRANSFER_USER_AGENT);
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

struct curl_transfer *curl_transfer_new(const struct transfer_settings *settings)
{
    struct curl_transfer *transfer = xcalloc(1, sizeof(*transfer));
    list_init(&transfer->base.link);
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

void curl_transfer_destroy(struct curl_transfer *transfer)
{
    list_remove(&transfer->base.link);
    curl_easy_cleanup(transfer->easy);
    buffer_fini(&transfer->authorization);
    buffer_fini(&transfer->answer);
    free(transfer);
}

/* One token serves many requests, and a handle many requests with one token. */
static void take_authorization(struct curl_transfer *transfer,
                               const struct transfer_request *request)
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

void curl_transfer_prepare(struct curl_transfer *transfer, const struct transfer_request *request)
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

void curl_transfer_read_result(struct curl_transfer *transfer, CURLcode code,
                               struct transfer_result *ret_result)
{
    CURL *easy = transfer->easy;
    struct transfer_facts facts = {
        .status = (unsigned)info_long(easy, CURLINFO_RESPONSE_CODE),
        .is_complete = code == CURLE_OK,
        .is_too_big = transfer->is_too_big,
        .was_sent = info_long(easy, CURLINFO_REQUEST_SIZE) > 0,
        .is_timed_out = code == CURLE_OPERATION_TIMEDOUT,
        .error = transfer->error[0] ? transfer->error : curl_easy_strerror(code),
    };
    *ret_result = (struct transfer_result){
        .retry_after_ms = transfer_retry_after_ms(info_offset(easy, CURLINFO_RETRY_AFTER)),
        .body = buffer_span(&transfer->answer),
        .duration_us = info_offset(easy, CURLINFO_TOTAL_TIME_T),
        .first_byte_us = facts.status ? info_offset(easy, CURLINFO_STARTTRANSFER_TIME_T) : 0,
        .connects = (unsigned)info_long(easy, CURLINFO_NUM_CONNECTS),
    };
    transfer_judge(&transfer->base, &facts, ret_result);
    if (ret_result->outcome != JOB_STATUS)
        ret_result->retry_after_ms = 0;
}

void curl_transfer_clear(struct curl_transfer *transfer)
{
    transfer->base.owner = NULL;
    transfer_forget_answer(&transfer->answer);
}
