/* GET /v1/channels/{channel}/messages: what is published, as it happens, as server-sent events
 * (WHATWG HTML §9.2).
 *
 *     waiting ─ begun ─▶ open ─ control stops, its client leaves, its token expires ─▶ (gone)
 *        └─ no edge in time: 503
 *
 * The token that opened it bounds it: whoever holds a stolen one does not listen for ever.
 */
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/process/metrics.h"
#include "common/text/base64.h"
#include "common/text/json.h"
#include "control/control.h"

enum {
    PING_MS = 15000,             /* so that proxies, and whoever reads, know that it is alive */
    PENDING_BYTES_MAX = 4 << 20, /* that the client has not read; what comes then is missed */
    TAILS_MAX = 100,
};

struct tail {
    struct follower follower;
    struct rest_call *call;
    struct loop_timer ping;
    struct loop_timer expiry; /* of the caller's token */
    bool is_open;
    bool has_missed; /* the client is to be told */
};

static const char MISSED[] = "event: missed\ndata: {}\n\n";
/* A comment, which every reader passes over that does not look for it. */
static const char EXPIRED[] = ": the token has expired\n\n";

static struct loop *loop_of(const struct tail *tail)
{
    return tail->call->rest->control->loop;
}

/* ---- what is sent ---- */

static void on_ping(struct loop_timer *timer)
{
    struct tail *tail = CONTAINER_OF(timer, struct tail, ping);

    if (http_request_pending_bytes(tail->call->http) == 0)
        http_request_append(tail->call->http, span_text(":\n\n"));
    loop_timer_start(loop_of(tail), &tail->ping, PING_MS);
}

static void append_time(struct buffer *text, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    char date[32] = "";
    struct tm utc;

    if (gmtime_r(&seconds, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    buffer_append_format(text, "%s.%03uZ", date, (unsigned)(time_us / 1000 % 1000));
}

static void append_event(struct buffer *text, const struct message_watched *message)
{
    buffer_append_text(text, "event: message\ndata: {\"channel\":");
    json_append_foreign(text, message->channel);
    buffer_append_text(text, ",\"publishedAt\":\"");
    append_time(text, message->published_us);
    buffer_append_text(text, "\",\"data\":");
    if (message->is_binary) {
        buffer_append_byte(text, '"');
        base64_append(text, message->data);
        buffer_append_text(text, "\",\"binary\":true");
    } else {
        json_append_foreign(text, message->data);
    }
    buffer_append_text(text, "}\n\n");
}

static void on_published(struct follower *follower, const struct message_watched *message)
{
    struct tail *tail = CONTAINER_OF(follower, struct tail, follower);
    size_t pending = http_request_pending_bytes(tail->call->http);
    struct buffer text = {0};

    tail->has_missed |= message->missed > 0;
    if (pending > 0 && pending + message->data.length > PENDING_BYTES_MAX) {
        tail->has_missed = true;
        metric_add(METRIC_TAILED_MISSED, 1);
        return;
    }
    if (tail->has_missed)
        buffer_append_text(&text, MISSED);
    tail->has_missed = false;
    append_event(&text, message);
    http_request_append(tail->call->http, buffer_span(&text));
    buffer_fini(&text);
}

/* The second time it is another edge, or another session of it. */
static void on_begun(struct follower *follower)
{
    struct tail *tail = CONTAINER_OF(follower, struct tail, follower);

    if (tail->is_open) {
        http_request_append(tail->call->http, span_text(MISSED));
        return;
    }
    tail->is_open = true;
    loop_timer_stop(loop_of(tail), &tail->call->timer);
    loop_timer_start(loop_of(tail), &tail->ping, PING_MS);
    rest_begin(tail->call, "text/event-stream", span_text(": watching\n\n"));
}

/* ---- life ---- */

static void on_expired(struct loop_timer *timer)
{
    struct rest_call *call = CONTAINER_OF(timer, struct tail, expiry)->call;

    if (!call->tail->is_open) {
        rest_answer_unauthorized(call, token_problem_text(TOKEN_PROBLEM_EXPIRED));
        return;
    }
    http_request_append(call->http, span_text(EXPIRED));
    rest_end(call);
}

static void start_expiry(struct tail *tail)
{
    int64_t left_ms = tail->call->token_expires_ms - clock_realtime_ms();

    loop_timer_init(&tail->expiry, on_expired);
    loop_timer_start(loop_of(tail), &tail->expiry, left_ms);
}

static void begin(struct rest_call *call)
{
    struct control *control = call->rest->control;
    struct tail *tail = xcalloc(1, sizeof *tail);

    tail->follower.on_begun = on_begun;
    tail->follower.on_published = on_published;
    tail->call = call;
    loop_timer_init(&tail->ping, on_ping);
    start_expiry(tail);
    call->tail = tail;
    loop_timer_start(control->loop, &call->timer, control->config->control_timeout_ms);
    watch_follow(&control->watches, call->channel, &tail->follower);
}

void tail_destroy(struct tail **tail_place)
{
    struct tail *tail = *tail_place;

    if (!tail)
        return;
    *tail_place = NULL;
    loop_timer_stop(loop_of(tail), &tail->ping);
    loop_timer_stop(loop_of(tail), &tail->expiry);
    watch_unfollow(&tail->call->rest->control->watches, &tail->follower);
    free(tail);
}

void tail_stop(struct rest_call *call)
{
    if (call->tail->is_open)
        rest_end(call);
    else
        rest_answer_problem(call, PROBLEM_NOT_READY, span_text("control stops"));
}

void rest_tail(struct rest_call *call)
{
    struct control *control = call->rest->control;

    if (!rest_channel_is_good(call, "channel", call->channel))
        return;
    if (call->rest->is_draining)
        rest_answer_problem(call, PROBLEM_NOT_READY, span_text("control stops"));
    else if (control->watches.follower_count >= TAILS_MAX)
        rest_answer_problem(call, PROBLEM_OVERLOADED, span_text("too many follow channels"));
    else if (rest_admit(call))
        begin(call);
}
