#include "edge/admission.h"

#include <unistd.h>

#include "common/contract/event.h"
#include "common/process/metrics.h"
#include "edge/edge.h"
#include "edge/opening.h"
#include "edge/protocol/forwarded.h"
#include "edge/protocol/handshake.h"

static bool is_trusted(void *context, const struct client_address *address)
{
    const struct edge *edge = context;
    struct sockaddr_storage socket_address;
    client_address_to_socket(address, &socket_address);
    return network_contains(&edge->config->trusted_proxies,
                            (const struct sockaddr *)&socket_address);
}

/* Why nobody can be admitted now; NULL: come in. */
static const char *obstacle(const struct edge *edge)
{
    if (drain_is_draining(&edge->drain))
        return "The server is going away.";
    if (edge->is_pressed)
        return "The server is not connected, or too far behind.";
    if (edge->connections.count >= edge->config->max_connections)
        return "The server is full.";
    if (edge->in_stage[STAGE_PENDING] >= edge->config->max_pending)
        return "Too many handshakes are waiting.";
    return NULL;
}

/* What the backend is told of the handshake, in the contract's words. All spans are borrowed. */
struct told {
    struct event_header headers[REQUEST_HEADERS_MAX];
    struct span subprotocols[HANDSHAKE_SUBPROTOCOLS_MAX];
    char ip[CLIENT_ADDRESS_TEXT_MAX];
    struct event_handshake handshake;
};

static void tell(struct told *told, const struct client *client, const struct request *request,
                 const struct handshake *handshake)
{
    struct edge *edge = client->edge;
    struct client_address address = forwarded_client(&client->address, request, is_trusted, edge);
    size_t ip_length = client_address_format(&address, told->ip);
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
static void admit(struct client **client, const struct request *request,
                  struct handshake *handshake)
{
    struct edge *edge = (*client)->edge;
    struct buffer received = (*client)->received;
    struct buffer metadata = {0}, details = {0};
    struct told told;
    tell(&told, *client, request, handshake);
    event_open_metadata_append(&metadata, &told.handshake);
    event_open_details_append(&details, &told.handshake);
    struct opening *opening = opening_new(
        handshake, span_of(received.data + request->consumed, received.length - request->consumed));
    int fd = client_release(client);
    struct connection *connection = connection_new(edge, fd, &opening, buffer_span(&metadata));
    if (connection) {
        connection_push_event(connection, queued_event_new(EVENT_OPEN, buffer_span(&details), 0));
    } else {
        opening_destroy(&opening);
        close(fd);
    }
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
    const char *why = obstacle(edge);
    if (!why) {
        admit(client, request, &handshake);
        return;
    }
    handshake_fini(&handshake);
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_OVERLOADED, 1);
    client_refuse(client, 503, span_text(why), request->is_head);
}
