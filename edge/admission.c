#include "edge/admission.h"

#include <errno.h>

#include "common/contract/event.h"
#include "common/process/metrics.h"
#include "common/process/web_origin.h"
#include "edge/edge.h"
#include "edge/opening.h"
#include "edge/protocol/forwarded.h"
#include "edge/protocol/handshake.h"

/* Why somebody is not admitted now. */
struct obstacle {
    const char *why;
    int status;
    int limit; /* the label of limits_reached_total, or -1: it is no limit's doing */
};

bool admission_trusts(const struct edge *edge, const struct client_address *address)
{
    struct sockaddr_storage socket_address;
    client_address_to_socket(address, &socket_address);
    return network_contains(&edge->config->trusted_proxies,
                            (const struct sockaddr *)&socket_address);
}

static bool is_trusted(void *context, const struct client_address *address)
{
    return admission_trusts(context, address);
}

static struct client_address address_of(const struct client *client, const struct request *request)
{
    return forwarded_client(&client->address, request, is_trusted, client->edge);
}

/* Whoever hung up before the answer left a TOMBSTONE, whose OPEN is the backend's work as well. */
static size_t waiting_opens(const struct edge *edge)
{
    return edge->in_stage[STAGE_PENDING] + edge->in_stage[STAGE_TOMBSTONE];
}

static bool is_crowded(const struct edge *edge, const struct client_address *address)
{
    uint64_t limit = edge->config->max_connections_per_address;
    return limit > 0 && neighbours_count(&edge->neighbours, address) >= limit;
}

/* NULL: come in. The rate comes last: only who is admitted uses it up. */
static const struct obstacle *obstacle(struct edge *edge, const struct client_address *address)
{
    static const struct obstacle draining = {"The server is going away.", 503, -1};
    static const struct obstacle pressed = {"The server is not connected, or too far behind.", 503,
                                            -1};
    static const struct obstacle full = {"The server is full.", 503, LABEL_LIMIT_MAX_CONNECTIONS};
    static const struct obstacle waiting = {"Too many handshakes are waiting.", 503,
                                            LABEL_LIMIT_MAX_PENDING};
    static const struct obstacle crowded = {"Too many connections from this address.", 429,
                                            LABEL_LIMIT_ADDRESS};
    static const struct obstacle fast = {"Too many handshakes in a second.", 503,
                                         LABEL_LIMIT_HANDSHAKE_RATE};
    if (drain_is_draining(&edge->drain))
        return &draining;
    if (edge->is_pressed)
        return &pressed;
    if (edge->connections.count >= edge->sockets.max_connections)
        return &full;
    if (waiting_opens(edge) >= edge->config->max_pending)
        return &waiting;
    if (is_crowded(edge, address))
        return &crowded;
    return rate_take(&edge->handshake_rate, edge_now_ms(edge)) ? NULL : &fast;
}

/* A browser connects from any page to anybody, with its cookies, and leaves it to the server
 * whether the page may (RFC 6455 §10.2). */
static bool is_foreign_page(const struct edge *edge, const struct request *request)
{
    struct span allowed = span_trim(span_text(edge->config->allowed_origins)), origin;
    if (allowed.length == 0)
        return false;
    int rc = request_header(request, "origin", &origin);
    return rc != -ENOENT && (rc < 0 || !web_origins_contain(allowed, origin));
}

/* What the backend is told of the handshake, in the contract's words. All spans are borrowed. */
struct told {
    struct event_header headers[REQUEST_HEADERS_MAX];
    struct span subprotocols[HANDSHAKE_SUBPROTOCOLS_MAX];
    char ip[CLIENT_ADDRESS_TEXT_MAX];
    struct event_handshake handshake;
};

static void tell(struct told *told, const struct client_address *address,
                 const struct request *request, const struct handshake *handshake)
{
    size_t ip_length = client_address_format(address, told->ip);
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        told->headers[i] = (struct event_header){.name = request->headers[i].name,
                                                 .value = request->headers[i].value};
    struct span rest = handshake_subprotocols(handshake);
    while (rest.length > 0 && count < HANDSHAKE_SUBPROTOCOLS_MAX)
        told->subprotocols[count++] = span_split(&rest, ',');
    told->handshake = (struct event_handshake){
        .headers = told->headers,
        .header_count = request->header_count,
        .ip = span_of(told->ip, ip_length),
        .path = request->path,
        .query = request->query,
        .subprotocols = told->subprotocols,
        .subprotocol_count = count,
    };
}

/* The client becomes a connection whose OPEN is the first event. */
static void admit(struct client **client, const struct client_address *address,
                  const struct request *request, struct handshake *handshake)
{
    struct edge *edge = (*client)->edge;
    struct buffer received = (*client)->received;
    struct buffer metadata = {0}, details = {0};
    struct told told;
    tell(&told, address, request, handshake);
    event_open_metadata_append(&metadata, &told.handshake);
    event_open_details_append(&details, &told.handshake);
    struct opening *opening = opening_new(
        handshake, span_of(received.data + request->consumed, received.length - request->consumed));
    struct connection *connection =
        connection_new(edge, &(*client)->source, &opening, buffer_span(&metadata));
    client_forget(client);
    if (edge->config->max_connections_per_address > 0)
        connection->neighbour = neighbours_enter(&edge->neighbours, address);
    connection_push_event(connection, queued_event_new(EVENT_OPEN, buffer_span(&details), 0));
    buffer_fini(&metadata);
    buffer_fini(&details);
}

void admission_decide(struct client **client, const struct request *request)
{
    struct edge *edge = (*client)->edge;
    struct handshake handshake = {0};
    struct refusal refusal;
    if (handshake_init(&handshake, request, edge->config->deflate, &refusal) < 0) {
        metric_add_label(METRIC_HANDSHAKES,
                         refusal.status == 426 ? LABEL_HANDSHAKE_PLAIN : LABEL_HANDSHAKE_MALFORMED,
                         1);
        client_refuse(client, refusal.status, span_text(refusal.detail), request->is_head);
        return;
    }
    if (is_foreign_page(edge, request)) {
        handshake_fini(&handshake);
        metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_FORBIDDEN, 1);
        client_refuse(client, 403, span_text("Pages of this origin may not connect."),
                      request->is_head);
        return;
    }
    struct client_address address = address_of(*client, request);
    const struct obstacle *found = obstacle(edge, &address);
    if (!found) {
        admit(client, &address, request, &handshake);
        return;
    }
    handshake_fini(&handshake);
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_OVERLOADED, 1);
    if (found->limit >= 0)
        metric_add_label(METRIC_LIMITS_REACHED, (unsigned)found->limit, 1);
    client_refuse(client, found->status, span_text(found->why), request->is_head);
}
