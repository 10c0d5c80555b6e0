#include <curl/curl.h>
#include <stdlib.h>
#include <time.h>

#include "clients/c/internal.h"
#include "clients/c/transfer.h"
#include "common/base/random.h"

enum {
    TIMEOUT_MS = 10000,
    RETRY_LIMIT_MS = 10000,
    ATTEMPTS = 4,
    ATTEMPTS_MAX = 100,
    RETRY_FIRST_MS = 100,
    RETRY_LAST_MS = 5000,
    KEY_LENGTH = 24,
    KEY_BYTES_MAX = 255,
};

/* ---- life ---- */

static const char *check_options(const struct slip_publisher_options *options)
{
    struct span api = span_text(options->control_api);
    bool has_secret = options->jwt_secret && *options->jwt_secret;
    bool has_token = options->token && *options->token;

    if (!span_starts_with(api, span_text("http://")) &&
        !span_starts_with(api, span_text("https://")))
        return "control_api is no http:// or https:// address";
    if (has_secret == has_token)
        return "exactly one of jwt_secret and token is needed";
    if (has_token && strpbrk(options->token, "\r\n"))
        return "token holds a line end";
    if (options->timeout_ms < 0 || options->retry_limit_ms < 0 || options->attempts > ATTEMPTS_MAX)
        return "timeout_ms, retry_limit_ms or attempts is out of range";
    return NULL;
}

enum slip_result slip_publisher_new(const struct slip_publisher_options *options,
                                    struct slip_publisher **ret_publisher, struct slip_error *error)
{
    const char *reason = check_options(options);
    struct slip_publisher *publisher;

    if (reason)
        return error_set(error, SLIP_INVALID, "%s", reason);
    publisher = xcalloc(1, sizeof *publisher);
    publisher->curl = curl_easy_init();
    ASSERT(publisher->curl);
    publisher->api = xstrdup(options->control_api);
    for (size_t length = strlen(publisher->api); length > 0 && publisher->api[length - 1] == '/';)
        publisher->api[--length] = '\0';
    if (options->token && *options->token)
        publisher->token = xstrdup(options->token);
    else
        publisher->signer =
            token_signer_new(span_text(options->jwt_secret), TOKEN_AUDIENCE_CONTROL);
    publisher->ca_file = options->ca_file ? xstrdup(options->ca_file) : NULL;
    publisher->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
    publisher->retry_limit_ms = options->retry_limit_ms ? options->retry_limit_ms : RETRY_LIMIT_MS;
    publisher->attempts = options->attempts ? options->attempts : ATTEMPTS;
    *ret_publisher = publisher;
    return SLIP_OK;
}

void slip_publisher_free(struct slip_publisher *publisher)
{
    if (!publisher)
        return;
    curl_easy_cleanup(publisher->curl);
    token_signer_destroy(&publisher->signer);
    buffer_fini(&publisher->answer);
    free(publisher->api);
    free(publisher->token);
    free(publisher->ca_file);
    free(publisher);
}

/* ---- attempts ---- */

static bool may_pass(const struct slip_error *error)
{
    if (error->result == SLIP_UNREACHABLE || error->result == SLIP_TIMED_OUT)
        return true;
    return error->status == 429 || (error->status >= 502 && error->status <= 504);
}

static int64_t pause_ms(unsigned int attempt, int64_t retry_after_ms)
{
    int64_t pause = RETRY_FIRST_MS;

    for (unsigned int i = 1; i < attempt && pause < RETRY_LAST_MS; i++)
        pause *= 2;
    if (pause > RETRY_LAST_MS)
        pause = RETRY_LAST_MS;
    pause = pause / 2 + (int64_t)random_below((uint64_t)pause / 2 + 1);
    return pause > retry_after_ms ? pause : retry_after_ms;
}

static void wait_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0)
        ; /* a signal */
}

static enum slip_result attempt_until(struct slip_publisher *publisher,
                                      const struct transfer *transfer, struct slip_error *error)
{
    struct slip_error last;

    for (unsigned int attempt = 1;; attempt++) {
        enum slip_result result = transfer_perform(publisher, transfer, &last);
        if (result == SLIP_OK)
            return SLIP_OK;
        last.attempts = attempt;
        if (attempt >= publisher->attempts || !may_pass(&last) ||
            last.retry_after_ms > publisher->retry_limit_ms)
            break;
        wait_ms(pause_ms(attempt, last.retry_after_ms));
    }
    if (error)
        *error = last;
    return last.result;
}

static const char *check_key(const char *key)
{
    size_t length = strlen(key);

    if (length == 0 || length > KEY_BYTES_MAX)
        return "the idempotency key has not 1 to 255 characters";
    for (size_t i = 0; i < length; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return "the idempotency key holds a character that is not printable ASCII";
    return NULL;
}

/* Every request gets a key: reads do not need it, and do not mind. */
static enum slip_result perform(struct slip_publisher *publisher, struct transfer *transfer,
                                struct slip_error *error)
{
    char key[KEY_LENGTH + 1];
    const char *reason = transfer->idempotency_key ? check_key(transfer->idempotency_key) : NULL;

    if (reason)
        return error_set(error, SLIP_INVALID, "%s", reason);
    if (!transfer->idempotency_key) {
        random_text(key, KEY_LENGTH);
        key[KEY_LENGTH] = '\0';
        transfer->idempotency_key = key;
    }
    return attempt_until(publisher, transfer, error);
}

enum slip_result slip_publisher_send(struct slip_publisher *publisher,
                                     struct slip_commands *commands, const char *idempotency_key,
                                     struct slip_error *error)
{
    size_t length = 0;
    const char *body = slip_commands_body(commands, &length);
    struct transfer transfer = {.method = "POST",
                                .path = "/",
                                .content_type = SLIP_MEDIA_TYPE,
                                .body = span_of(body, length),
                                .has_body = true,
                                .idempotency_key = idempotency_key,
                                .timeout_ms = publisher->timeout_ms + commands_poll_ms(commands)};

    if (!body)
        return slip_commands_error(commands, error);
    return perform(publisher, &transfer, error);
}

enum slip_result slip_publisher_call(struct slip_publisher *publisher, const char *method,
                                     const char *path, const char *body, char **ret_body,
                                     size_t *ret_length, struct slip_error *error)
{
    struct transfer transfer = {.method = method,
                                .path = path,
                                .content_type = "application/json",
                                .body = span_text(body),
                                .has_body = body != NULL,
                                .timeout_ms = publisher->timeout_ms};
    enum slip_result result = perform(publisher, &transfer, error);

    if (result != SLIP_OK)
        return result;
    *ret_length = publisher->answer.length;
    *ret_body = buffer_take(&publisher->answer);
    return SLIP_OK;
}

enum slip_result
slip_publisher_stream(struct slip_publisher *publisher, const char *path, int64_t silence_ms,
                      bool (*on_data)(void *context, const char *data, size_t length),
                      void *context, struct slip_error *error)
{
    struct slip_error last;
    struct transfer transfer = {.method = "GET",
                                .path = path,
                                .timeout_ms = publisher->timeout_ms,
                                .silence_ms = silence_ms,
                                .on_data = on_data,
                                .context = context};
    enum slip_result result = transfer_perform(publisher, &transfer, &last);

    last.attempts = 1;
    if (result == SLIP_OK)
        return error_set(error, SLIP_UNREACHABLE, "the broker ended the stream");
    if (error)
        *error = last;
    return result;
}
