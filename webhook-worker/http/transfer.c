#include "webhook-worker/http/transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/text/utf8.h"

#define KEPT_BYTES ((size_t)256 << 10) /* of an answer's memory, between requests */

enum { RETRY_AFTER_SECONDS_MAX = 24 * 3600 };

/* A status other than 2xx counts even when its body broke off: the backend has said no. */
static enum job_outcome outcome_of(const struct transfer_facts *facts)
{
    if (facts->status >= 300 || (facts->is_complete && facts->status < 200))
        return JOB_STATUS;
    if (facts->is_too_big)
        return JOB_INVALID_ANSWER;
    if (facts->is_complete)
        return JOB_DELIVERED;
    if (!facts->was_sent)
        return JOB_NOT_SENT;
    return facts->is_timed_out ? JOB_TIMED_OUT : JOB_BROKEN;
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

int64_t transfer_retry_after_ms(int64_t seconds)
{
    if (seconds > RETRY_AFTER_SECONDS_MAX)
        seconds = RETRY_AFTER_SECONDS_MAX;
    return seconds < 0 ? 0 : seconds * 1000;
}

static bool is_blank(char byte)
{
    return (unsigned char)byte <= ' ' || byte == 0x7f;
}

/* In one line: whatever is blank between two words becomes one space. */
static size_t copy_line(struct span body, char *line, size_t size)
{
    size_t length = 0;
    bool is_gap = false;
    for (size_t i = 0; i < body.length && length + 2 < size; i++) {
        if (is_blank(body.data[i])) {
            is_gap = length > 0;
            continue;
        }
        if (is_gap)
            line[length++] = ' ';
        is_gap = false;
        line[length++] = body.data[i];
    }
    line[length] = '\0';
    return length;
}

/* The beginning of what the backend said, for people: it may have said anything. */
static const char *words_of(struct span body, char words[TRANSFER_WORDS_SIZE])
{
    size_t length = copy_line(body, words, TRANSFER_WORDS_SIZE);
    size_t valid;
    while ((valid = utf8_valid_length(span_of(words, length))) < length)
        words[valid] = '?';
    return words;
}

static const char *error_of(enum job_outcome outcome, const char *error)
{
    if (outcome == JOB_DELIVERED)
        return "";
    if (outcome == JOB_INVALID_ANSWER)
        return "the answer is too large";
    return error;
}

void transfer_judge(struct transfer *transfer, const struct transfer_facts *facts,
                    struct transfer_result *result)
{
    result->status = facts->status;
    result->outcome = outcome_of(facts);
    result->label = label_of(result->outcome, facts->status);
    if (result->outcome != JOB_STATUS)
        result->error = error_of(result->outcome, facts->error);
    else if (result->status >= 300 && result->status < 400)
        result->error = "redirects are not followed";
    else
        result->error = words_of(result->body, transfer->words);
}

void transfer_acknowledge(int fd)
{
    const int on = 1;
    /* Where it cannot be had, the answer comes later: nothing else. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void transfer_forget_answer(struct buffer *answer)
{
    if (answer->capacity > KEPT_BYTES)
        buffer_fini(answer);
    buffer_clear(answer);
}
