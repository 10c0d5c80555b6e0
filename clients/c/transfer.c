#include "clients/c/transfer.h"

#include <stdlib.h>

#include "common/base/clock.h"

/* An answer longer than this is none of control's: pages are about 4 MB, a dead letter is bounded
 * by BATCH_BYTES. */
enum { ANSWER_BYTES_MAX = 256 << 20, CONNECT_TIMEOUT_MS = 5000 };

/* The broker ends a stream when its token expires: every hour is seldom enough. */
enum { STREAM_TOKEN_S = 3600 };

struct progress {
    struct slip_publisher *publisher;
    const struct transfer *transfer;
    int64_t started_ms;
    int64_t heard_ms; /* last */
    int64_t shown_ms; /* the caller was last called without data */
    bool was_stopped; /* by the caller */
    bool is_late;
};

static bool is_streaming(const struct progress *progress)
{
    long status = 0;

    if (!progress->transfer->on_data)
        return false;
    curl_easy_getinfo(progress->publisher->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct progress *progress = context;
    struct buffer *answer = &progress->publisher->answer;
    size_t length = size * count;

    progress->heard_ms = clock_monotonic_ms();
    if (is_streaming(progress)) {
        progress->was_stopped =
            !progress->transfer->on_data(progress->transfer->context, data, length);
        return progress->was_stopped ? 0 : length;
    }
    if (length > ANSWER_BYTES_MAX - answer->length)
        return 0;
    buffer_append(answer, data, length);
    return length;
}

/* For streams: libcurl calls this about once a second, also when nothing comes. */
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct progress *progress = context;
    int64_t now_ms = clock_monotonic_ms();
    bool has_begun = is_streaming(progress);

    (void)down_total, (void)down, (void)up_total, (void)up;
    progress->is_late = has_begun ? now_ms - progress->heard_ms > progress->transfer->silence_ms
                                  : now_ms - progress->started_ms > progress->transfer->timeout_ms;
    if (progress->is_late)
        return 1;
    if (now_ms - progress->shown_ms < 200)
        return 0;
    progress->shown_ms = now_ms;
    progress->was_stopped = !progress->transfer->on_data(progress->transfer->context, "", 0);
    return progress->was_stopped;
}

static struct curl_slist *add(struct curl_slist *headers, const char *name, const char *value)
{
    struct buffer line = {0};

    buffer_append_format(&line, "%s: %s", name, value);
    char *text = buffer_take(&line);
    struct curl_slist *more = curl_slist_append(headers, text);
    ASSERT(more);
    free(text);
    return more;
}

static void append_token(struct buffer *bearer, struct slip_publisher *publisher, bool is_stream)
{
    int64_t now_ms = clock_realtime_ms();
    char *own = NULL;
    const char *token = publisher->token;

    if (publisher->signer && is_stream)
        token = own = token_signer_sign(publisher->signer, now_ms, STREAM_TOKEN_S);
    else if (publisher->signer)
        token = token_signer_token(publisher->signer, now_ms, NULL);
    buffer_append_format(bearer, "Bearer %s", token);
    free(own);
}

static struct curl_slist *headers_of(struct slip_publisher *publisher,
                                     const struct transfer *transfer)
{
    struct curl_slist *headers = NULL;
    struct buffer bearer = {0};

    append_token(&bearer, publisher, transfer->on_data != NULL);
    char *text = buffer_take(&bearer);
    headers = add(headers, "Authorization", text);
    free(text);
    headers = add(headers, "Expect", "");
    if (transfer->has_body)
        headers = add(headers, "Content-Type", transfer->content_type);
    if (transfer->idempotency_key)
        headers = add(headers, "Idempotency-Key", transfer->idempotency_key);
    return headers;
}

static void set_body(CURL *curl, const struct transfer *transfer)
{
    bool is_read = strcmp(transfer->method, "GET") == 0;

    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, transfer->method);
    if (is_read || (!transfer->has_body && strcmp(transfer->method, "DELETE") == 0)) {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, transfer->method);
        return;
    }
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body.length ? transfer->body.data : "");
}

static void set_up(struct progress *progress, const char *url, struct curl_slist *headers,
                   char *error_text)
{
    struct slip_publisher *publisher = progress->publisher;
    const struct transfer *transfer = progress->transfer;
    CURL *curl = publisher->curl;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "libslip/" SLIP_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, progress);
    if (publisher->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, publisher->ca_file);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(transfer->timeout_ms < CONNECT_TIMEOUT_MS ? transfer->timeout_ms
                                                                      : CONNECT_TIMEOUT_MS));
    set_body(curl, transfer);
    if (transfer->on_data) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, progress);
    } else {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms);
    }
}

/* There was no whole answer. */
static enum slip_result read_failure(const struct progress *progress, CURLcode code,
                                     const char *error_text, struct slip_error *error)
{
    const char *text = *error_text ? error_text : curl_easy_strerror(code);

    if (progress->was_stopped)
        return error_set(error, SLIP_STOPPED, "stopped");
    if (progress->is_late)
        return error_set(error, SLIP_TIMED_OUT, "the broker said nothing in time");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(error, SLIP_TIMED_OUT, "%s", text);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return error_set(error, SLIP_INVALID, "%s", text);
    if (code == CURLE_WRITE_ERROR)
        return error_set(error, SLIP_UNEXPECTED, "the answer is too long");
    return error_set(error, SLIP_UNREACHABLE, "%s", text);
}

/* To the contract's own refusals, a header says the detail. */
static struct span detail_header(CURL *curl)
{
    struct curl_header *header;

    if (curl_easy_header(curl, "Problem-Detail", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return (struct span){0};
    return span_text(header->value);
}

/* Seconds; at most a day, and 0 for a moment that has passed. */
static int64_t retry_after_ms(CURL *curl)
{
    enum { DAY_S = 24 * 3600 };
    curl_off_t seconds = 0;

    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
    return (seconds < 0 ? 0 : seconds > DAY_S ? DAY_S : seconds) * 1000;
}

static enum slip_result read_answer(struct slip_publisher *publisher, struct slip_error *error)
{
    long status = 0;

    curl_easy_getinfo(publisher->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return SLIP_OK;
    problem_read((unsigned int)status, buffer_span(&publisher->answer),
                 detail_header(publisher->curl), error);
    error->retry_after_ms = retry_after_ms(publisher->curl);
    return error->result;
}

enum slip_result transfer_perform(struct slip_publisher *publisher, const struct transfer *transfer,
                                  struct slip_error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    struct progress progress = {.publisher = publisher,
                                .transfer = transfer,
                                .started_ms = now_ms,
                                .heard_ms = now_ms,
                                .shown_ms = now_ms};
    char error_text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(publisher, transfer);
    struct buffer url = {0};

    buffer_append_format(&url, "%s%s", publisher->api, transfer->path);
    char *url_text = buffer_take(&url);
    buffer_clear(&publisher->answer);
    set_up(&progress, url_text, headers, error_text);
    CURLcode code = curl_easy_perform(publisher->curl);
    enum slip_result result = code == CURLE_OK ? read_answer(publisher, error)
                                               : read_failure(&progress, code, error_text, error);
    curl_easy_setopt(publisher->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    free(url_text);
    return result;
}
