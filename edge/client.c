#include "edge/client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/process/log.h"
#include "common/process/metrics.h"
#include "edge/admission.h"
#include "edge/edge.h"
#include "edge/linger.h"
#include "edge/protocol/proxy_protocol.h"

enum { READ_BYTES = 16 << 10 };

void client_forget(struct client **client_place)
{
    struct client *client = *client_place;
    *client_place = NULL;
    ASSERT(client->source.fd < 0);
    timer_wheel_stop(&client->edge->wheel, &client->deadline);
    list_remove(&client->link);
    client->edge->client_count--;
    neighbours_depart(&client->edge->neighbours, &client->neighbour, &client->neighbour_link);
    buffer_fini(&client->received);
    free(client);
}

/* Returns the socket, which epoll no longer watches. */
static int release(struct client **client)
{
    int fd = (*client)->source.fd;
    loop_remove((*client)->edge->loop, &(*client)->source);
    client_forget(client);
    return fd;
}

static void cut(struct client *client)
{
    close(release(&client));
}

void client_cut_all(struct edge *edge)
{
    LIST_FOR_EACH(&edge->clients, link)
        cut(LIST_ENTRY(link, struct client, link));
}

static void put_refusal(struct buffer *bytes, int status, struct span detail, bool head_only)
{
    static const struct response_header retry = {.name = {"Retry-After", 11}, .value = {"1", 1}};
    bool may_return = status == 503 || status == 429;
    refusal_append(bytes, status, detail, &retry, may_return ? 1 : 0, head_only);
}

void client_refuse(struct client **client, int status, struct span detail, bool head_only)
{
    struct edge *edge = (*client)->edge;
    struct buffer bytes = {0};
    struct outbox outbox = {0};
    put_refusal(&bytes, status, detail, head_only);
    struct shared_frame *answer = shared_frame_new_raw(buffer_span(&bytes));
    buffer_fini(&bytes);
    outbox_push(&outbox, answer);
    shared_frame_unref(&answer);
    linger_begin(edge, release(client), &outbox);
}

static void refuse(struct client **client, int status, const char *detail)
{
    log_debug("request refused", LOG_INT("status", status), LOG_TEXT("detail", detail));
    client_refuse(client, status, span_text(detail), false);
}

static void on_deadline(struct wheel_timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, deadline);
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_SLOW, 1);
    refuse(&client, 408, "The request did not arrive in time.");
}

static void malformed(struct client **client, int status, const char *detail)
{
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_MALFORMED, 1);
    refuse(client, status, detail);
}

/* ---- room for others ---- */

static void receive(struct client **client_place);

/* It has no right to linger: the answer is for who reads it before the end. */
static void evict(struct client *client)
{
    struct buffer bytes = {0};
    receive(&client);
    if (!client)
        return;
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_OVERLOADED, 1);
    put_refusal(&bytes, 503, span_text("Too many clients are at their handshake."), false);
    (void)send(client->source.fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    buffer_fini(&bytes);
    cut(client);
}

void client_evict_oldest(struct edge *edge)
{
    ASSERT(!list_is_empty(&edge->clients));
    evict(LIST_ENTRY(edge->clients.next, struct client, link));
}

/* Its address is known now. */
static void join_neighbours(struct client *client)
{
    struct edge *edge = client->edge;
    uint64_t limit = edge->config->max_connections_per_address;
    if (limit == 0 || admission_trusts(edge, &client->address))
        return;
    client->neighbour =
        neighbours_arrive(&edge->neighbours, &client->address, &client->neighbour_link);
    if (neighbours_arrived(client->neighbour) <= limit)
        return;
    metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_ADDRESS, 1);
    evict(LIST_ENTRY(neighbours_oldest(client->neighbour), struct client, neighbour_link));
}

/* ---- reading ---- */

/* True: the PROXY header is taken off, or there is none to come. */
static bool take_proxy_header(struct client **client_place)
{
    struct client *client = *client_place;
    struct proxy_header header;
    if (!client->expects_proxy)
        return true;
    int rc = proxy_protocol_parse(buffer_span(&client->received), &header);
    if (rc == -EAGAIN)
        return false;
    if (rc < 0) {
        malformed(client_place, 400, "The PROXY protocol header is malformed.");
        return false;
    }
    client->expects_proxy = false;
    if (header.has_source)
        client->address = header.source;
    buffer_consume(&client->received, header.consumed);
    join_neighbours(client);
    return true;
}

static void advance(struct client **client_place)
{
    struct client *client = *client_place;
    struct request request;
    struct refusal refusal;
    if (!take_proxy_header(client_place) || client->received.length == 0)
        return;
    int rc = request_parse(&client->parser, client->received.data, client->received.length,
                           &request, &refusal);
    if (rc == -EBADMSG && (refusal.status == 431 || refusal.status == 414))
        metric_add_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_HANDSHAKE, 1);
    if (rc == -EBADMSG)
        malformed(client_place, refusal.status, refusal.detail);
    else if (rc == 0)
        admission_decide(client_place, &request);
}

/* Reads what has come. NULL then in *client_place: it is no client any more. */
static void receive(struct client **client_place)
{
    struct client *client = *client_place;
    ssize_t length = recv(client->source.fd, client->edge->read_buffer, READ_BYTES, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        *client_place = NULL;
        cut(client);
        return;
    }
    metric_add(METRIC_BYTES_IN, length);
    buffer_append(&client->received, client->edge->read_buffer, (size_t)length);
    advance(client_place);
}

static void on_event(struct loop_source *source, uint32_t events)
{
    struct client *client = CONTAINER_OF(source, struct client, source);
    (void)events;
    receive(&client);
}

void client_begin(struct edge *edge, int fd, const struct sockaddr *address)
{
    const struct config *config = edge->config;
    struct client *client = xcalloc(1, sizeof(*client));
    client->edge = edge;
    client->address = client_address_of_socket(address);
    client->expects_proxy =
        config->proxy_protocol && network_contains(&config->trusted_proxies, address);
    request_parser_init(&client->parser, config->handshake_limit_bytes);
    wheel_timer_init(&client->deadline, on_deadline);
    list_init(&client->neighbour_link);
    client->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_event};
    if (loop_add(edge->loop, &client->source) < 0) {
        close(fd);
        free(client);
        return;
    }
    list_append(&edge->clients, &client->link);
    edge->client_count++;
    timer_wheel_start(&edge->wheel, &client->deadline,
                      edge_now_ms(edge) + config->handshake_timeout_ms);
    if (!client->expects_proxy)
        join_neighbours(client);
    sockets_make_room(edge);
}
