#include "webhook-worker/http/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/base/clock.h"
#include "webhook-worker/http/answer.h"
#include "webhook-worker/http/connection.h"
#include "webhook-worker/http/connector.h"
#include "webhook-worker/http/head.h"
#include "webhook-worker/http/kind.h"

enum { READ_BYTES = 64 << 10 };

struct http_plain {
    struct http_client base;
    struct http_head head;
    struct http_connections connections;
    struct http_connector connector;
    struct list running;
    struct list spare;
    char in[READ_BYTES];
};

struct exchange {
    struct transfer base;
    struct http_plain *client;
    struct http_connection *connection; /* one of these two */
    struct http_connect *connect;
    struct loop_timer timer;
    struct buffer head;
    struct span body;
    size_t written;  /* of both, to this connection */
    bool was_sent;   /* ... or something to one before */
    bool is_heard;   /* a byte of an answer came */
    int write_error; /* told here, it is not told again where we read */
    struct http_answer answer;
    int64_t timeout_ms;
    int64_t began_us;
    int64_t first_byte_us; /* since then */
    unsigned connects;
    char error[256];
};

/* ---- the end of an exchange ---- */

static void exchange_detach(struct exchange *exchange)
{
    struct http_plain *client = exchange->client;
    loop_timer_stop(client->base.loop, &exchange->timer);
    if (exchange->connect)
        http_connector_cancel(&client->connector, exchange->connect);
    else if (exchange->connection && exchange->answer.keeps_alive)
        http_connection_rest(exchange->connection);
    else if (exchange->connection)
        http_connection_close(exchange->connection);
    exchange->connect = NULL;
    exchange->connection = NULL;
    list_remove(&exchange->base.link);
}

static void exchange_release(struct exchange *exchange)
{
    exchange->base.owner = NULL;
    transfer_forget_answer(&exchange->answer.body);
    /* The last used first: what it needs is still in the cache. */
    list_prepend(&exchange->client->spare, &exchange->base.link);
}

static void exchange_end(struct exchange *exchange, bool is_timed_out)
{
    struct http_client *client = &exchange->client->base;
    const struct http_answer *answer = &exchange->answer;
    struct transfer_facts facts = {
        .status = answer->status,
        .is_complete = answer->state == HTTP_ANSWER_COMPLETE,
        .is_too_big = answer->state == HTTP_ANSWER_TOO_BIG,
        .was_sent = exchange->was_sent,
        .is_timed_out = is_timed_out,
        .error = exchange->error,
    };
    struct transfer_result result = {
        .body = buffer_span(&answer->body),
        .duration_us = clock_monotonic_us() - exchange->began_us,
        .first_byte_us = answer->status ? exchange->first_byte_us : 0,
        .connects = exchange->connects,
    };
    transfer_judge(&exchange->base, &facts, &result);
    if (result.outcome == JOB_STATUS)
        result.retry_after_ms = http_answer_retry_after_ms(answer);
    /* Its connection may serve what is posted from on_done. */
    exchange_detach(exchange);
    client->running_count--;
    client->handler.on_done(client->handler.context, exchange->base.owner, &result);
    exchange_release(exchange);
}

static void exchange_fail(struct exchange *exchange, const char *error)
{
    snprintf(exchange->error, sizeof(exchange->error), "%s", error);
    exchange_end(exchange, false);
}

static void on_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = CONTAINER_OF(timer, struct exchange, timer);
    snprintf(exchange->error, sizeof(exchange->error), "%s within %lld ms",
             exchange->connect ? "no connection" : "no complete answer",
             (long long)exchange->timeout_ms);
    exchange_end(exchange, true);
}

/* ---- writing and reading ---- */

static size_t exchange_size(const struct exchange *exchange)
{
    return exchange->head.length + exchange->body.length;
}

/* What cannot be written now, for whatever reason, is tried again when epoll says so; that a
 * connection is broken is seen by reading. */
static void exchange_write(struct exchange *exchange)
{
    struct loop *loop = exchange->client->base.loop;
    struct loop_source *source = &exchange->connection->source;
    size_t head = min_size(exchange->written, exchange->head.length);
    size_t body = exchange->written - head;
    union {
        const char *borrowed;
        void *plain; /* writing does not change it, but struct iovec cannot say const */
    } rest = {.borrowed = exchange->body.length ? exchange->body.data + body : NULL};
    struct iovec parts[] = {
        {.iov_base = exchange->head.data + head, .iov_len = exchange->head.length - head},
        {.iov_base = rest.plain, .iov_len = exchange->body.length - body},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LENGTH(parts)};
    /* Many requests are begun in one turn; a process that was stopped in the middle of it has lost
     * its jobs to another worker meanwhile. */
    loop_check_frozen(loop);
    ssize_t sent = sendmsg(source->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        exchange->written += (size_t)sent;
        exchange->was_sent = true;
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        exchange->write_error = errno;
    }
    bool is_written = exchange->written == exchange_size(exchange);
    loop_modify(loop, source, is_written ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* Nothing is written or read of it yet. */
static void exchange_reset(struct exchange *exchange)
{
    exchange->written = 0;
    exchange->is_heard = false;
    exchange->write_error = 0;
    http_answer_begin(&exchange->answer, exchange->client->base.settings.answer_limit_bytes);
}

static void exchange_connect(struct exchange *exchange)
{
    exchange_reset(exchange);
    exchange->connects++;
    exchange->connect = http_connector_begin(&exchange->client->connector, exchange);
}

/* Once more, over a new connection. */
static void exchange_repeat(struct exchange *exchange)
{
    http_connection_close(exchange->connection);
    exchange->connection = NULL;
    exchange_connect(exchange);
}

/* The connection has ended, in order (0) or by an error, which ends no answer. */
static void exchange_broken(struct exchange *exchange, int error)
{
    if (exchange->connection->is_reused && !exchange->is_heard) {
        exchange_repeat(exchange);
    } else if (error) {
        exchange_fail(exchange, strerror(error));
    } else if (http_answer_end(&exchange->answer) == HTTP_ANSWER_COMPLETE) {
        exchange_end(exchange, false);
    } else {
        exchange_fail(exchange, http_answer_problem(&exchange->answer));
    }
}

/* "You have been idle for too long" was on its way when the request left (RFC 9110 §15.5.9). */
static bool is_farewell(const struct exchange *exchange)
{
    return exchange->connection->is_reused && exchange->answer.status == 408 &&
           !exchange->answer.keeps_alive;
}

static void exchange_read(struct exchange *exchange)
{
    char *in = exchange->client->in;
    ssize_t length = recv(exchange->connection->source.fd, in, READ_BYTES, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        exchange_broken(exchange, length < 0 ? errno : exchange->write_error);
        return;
    }
    if (!exchange->is_heard)
        exchange->first_byte_us = clock_monotonic_us() - exchange->began_us;
    exchange->is_heard = true;
    enum http_answer_state state = http_answer_feed(&exchange->answer, in, (size_t)length);
    if (state == HTTP_ANSWER_PARTIAL) {
        transfer_acknowledge(exchange->connection->source.fd);
        return;
    }
    /* An answer to half a request: the rest of it would be taken for another one. */
    if (exchange->written < exchange_size(exchange))
        exchange->answer.keeps_alive = false;
    if (is_farewell(exchange))
        exchange_repeat(exchange);
    else if (state == HTTP_ANSWER_COMPLETE)
        exchange_end(exchange, false);
    else
        exchange_fail(exchange, http_answer_problem(&exchange->answer));
}

static void on_connection_event(void *user, uint32_t events)
{
    struct exchange *exchange = user;
    if (exchange->written < exchange_size(exchange))
        exchange_write(exchange);
    if (events & ~(uint32_t)EPOLLOUT)
        exchange_read(exchange);
}

/* ---- the beginning of an exchange ---- */

static void on_connected(void *owner, int fd, const char *error)
{
    struct exchange *exchange = owner;
    exchange->connect = NULL;
    if (fd < 0) {
        exchange_fail(exchange, error);
        return;
    }
    int rc =
        http_connection_open(&exchange->client->connections, fd, exchange, &exchange->connection);
    if (rc < 0)
        exchange_fail(exchange, strerror(-rc));
    else
        exchange_write(exchange);
}

static struct exchange *exchange_of(struct list *link)
{
    return CONTAINER_OF(LIST_ENTRY(link, struct transfer, link), struct exchange, base);
}

static struct exchange *exchange_new(struct http_plain *client)
{
    if (!list_is_empty(&client->spare))
        return exchange_of(client->spare.next);
    struct exchange *exchange = xcalloc(1, sizeof(*exchange));
    exchange->client = client;
    list_init(&exchange->base.link);
    loop_timer_init(&exchange->timer, on_timeout);
    http_answer_init(&exchange->answer);
    return exchange;
}

static void exchange_begin(struct exchange *exchange, const struct transfer_request *request)
{
    struct http_plain *client = exchange->client;
    buffer_clear(&exchange->head);
    http_head_append(&client->head, request, &exchange->head);
    exchange->body = request->body;
    exchange->timeout_ms = request->timeout_ms;
    exchange->began_us = clock_monotonic_us();
    exchange->first_byte_us = 0;
    exchange->connects = 0;
    exchange->was_sent = false;
    exchange->error[0] = '\0';
    loop_timer_start(client->base.loop, &exchange->timer, request->timeout_ms);
    exchange->connection = http_connection_take(&client->connections, exchange);
    if (!exchange->connection) {
        exchange_connect(exchange);
        return;
    }
    exchange_reset(exchange);
    exchange_write(exchange);
}

static struct transfer *post(struct http_client *base, const struct transfer_request *request,
                             void *owner)
{
    struct http_plain *client = CONTAINER_OF(base, struct http_plain, base);
    struct exchange *exchange = exchange_new(client);
    list_remove(&exchange->base.link);
    list_append(&client->running, &exchange->base.link);
    exchange->base.owner = owner;
    exchange_begin(exchange, request);
    return &exchange->base;
}

static void cancel(struct http_client *base, struct transfer *transfer)
{
    struct exchange *exchange = CONTAINER_OF(transfer, struct exchange, base);
    ASSERT(&exchange->client->base == base);
    exchange_detach(exchange);
    exchange_release(exchange);
}

static size_t sockets(struct http_client *base)
{
    const struct http_plain *client = CONTAINER_OF(base, struct http_plain, base);
    return client->connections.count + client->connector.multi.connection_count;
}

static void destroy(struct http_client *base)
{
    struct http_plain *client = CONTAINER_OF(base, struct http_plain, base);
    LIST_FOR_EACH(&client->running, link) {
        exchange_detach(exchange_of(link));
        exchange_release(exchange_of(link));
    }
    http_connector_fini(&client->connector);
    http_connections_fini(&client->connections);
    LIST_FOR_EACH(&client->spare, link) {
        struct exchange *exchange = exchange_of(link);
        list_remove(&exchange->base.link);
        buffer_fini(&exchange->head);
        http_answer_fini(&exchange->answer);
        free(exchange);
    }
    http_head_fini(&client->head);
    free(client);
}

struct http_client *http_plain_new(struct loop *loop, const struct transfer_settings *settings,
                                   size_t concurrency, struct http_client_handler handler)
{
    static const struct http_kind kind = {
        .post = post, .cancel = cancel, .sockets = sockets, .destroy = destroy};
    struct http_head head;
    if (http_head_init(&head, settings->url) < 0)
        return NULL;
    struct http_plain *client = xcalloc(1, sizeof(*client));
    http_client_init(&client->base, &kind, loop, settings, concurrency, handler);
    client->head = head;
    list_init(&client->running);
    list_init(&client->spare);
    http_connections_init(&client->connections, loop, on_connection_event);
    http_answer_limit_heads(TRANSFER_HEADER_LIMIT_BYTES);
    http_connector_init(&client->connector, loop, &client->base.settings, concurrency,
                        on_connected);
    return &client->base;
}
