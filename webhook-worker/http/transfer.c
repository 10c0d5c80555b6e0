#include "webhook-worker/http/transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define KEPT_BYTES ((size_t)256 << 10) /* of an answer's memory, between requests */

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

static const char *error_of(enum job_outcome outcome, const char *error)
{
    if (outcome == JOB_DELIVERED || outcome == JOB_STATUS)
        return "";
    if (outcome == JOB_INVALID_ANSWER)
        return "the answer is too large";
    return error;
}

void transfer_judge(const struct transfer_facts *facts, struct transfer_result *result)
{
    result->status = facts->status;
    result->outcome = outcome_of(facts);
    result->label = label_of(result->outcome, facts->status);
    result->error = error_of(result->outcome, facts->error);
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
