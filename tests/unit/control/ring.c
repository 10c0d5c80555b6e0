#include "tests/unit/control/ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/process/log.h"
#include "tests/unit/unit.h"

size_t ring_ready_calls;
size_t ring_stopped_calls;

/* In place of common/process/lifecycle.c. */
void lifecycle_ready(struct lifecycle *lifecycle)
{
    (void)lifecycle;
    ring_ready_calls++;
}

void lifecycle_stopped(struct lifecycle *lifecycle)
{
    (void)lifecycle;
    ring_stopped_calls++;
}

/* ---- edges ---- */

static void keep_command(struct ring_edge *edge, const struct message_command *message)
{
    const struct record_command_body *body = message->body.items;
    struct ring_command *command = &edge->commands[edge->count++];

    ASSERT(edge->count <= RING_COMMANDS);
    command->number = message->number;
    command->type = body->type;
    (void)buffer_reserve(&command->memory,
                         body->target.length + body->data.length + message->origin.length + 1);
    buffer_append_span(&command->memory, body->target);
    buffer_append_span(&command->memory, body->data);
    buffer_append_span(&command->memory, message->origin);
    char *start = command->memory.data;
    command->target = span_of(start, body->target.length);
    command->data = span_of(start + body->target.length, body->data.length);
    command->origin =
        span_of(start + body->target.length + body->data.length, message->origin.length);
}

static void on_edge_up(void *context, struct link *link)
{
    struct ring_edge *edge = context;
    edge->link = link;
}

static void on_edge_down(void *context, struct link *link)
{
    struct ring_edge *edge = context;
    (void)link;
    edge->link = NULL;
}

static void on_edge_message(void *context, struct link *link, const struct wire_message *message)
{
    struct ring_edge *edge = context;
    (void)link;
    if (message->id == MESSAGE_MEASURE) {
        edge->measured = message->as.measure.round;
        return;
    }
    assert_int_equal(message->id, MESSAGE_COMMAND);
    keep_command(edge, &message->as.command);
}

static struct link_options link_options(const struct ring *ring, const char *role, const char *name,
                                        void *context)
{
    return (struct link_options){.role = role,
                                 .stack = ring->config.stack_name,
                                 .name = name,
                                 .heartbeat_ms = 50,
                                 .peer_timeout_ms = ring->config.peer_timeout_ms,
                                 .resolve_interval_ms = 1000,
                                 .buffer_bytes = 1 << 20,
                                 .context = context};
}

static const char *control_address(const struct ring *ring)
{
    return link_set_endpoint(ring->control->links) + strlen("tcp://");
}

void ring_connect_edge(struct ring *ring, size_t index)
{
    struct ring_edge *edge = &ring->edges[index];
    struct link_options options = link_options(ring, "edge", edge->id, edge);
    options.handlers = (struct link_handlers){
        .on_up = on_edge_up, .on_down = on_edge_down, .on_message = on_edge_message};
    assert_int_equal(
        link_set_connect(ring->loop, &options, control_address(ring), "control", &edge->links), 0);
    ring_until(ring, edge->link);
}

void ring_disconnect_edge(struct ring *ring, size_t index)
{
    struct ring_edge *edge = &ring->edges[index];
    struct span id = span_text(edge->id);

    link_set_destroy(&edge->links);
    edge->link = NULL;
    ring_until(ring, !edge_set_find(&ring->control->edges, id) ||
                         !edge_set_find(&ring->control->edges, id)->link);
}

void ring_announce(struct ring *ring, size_t index)
{
    struct message_announced message = {.channels = 0};
    wire_put_announced(link_packet(ring->edges[index].link), &message);
}

void ring_join(struct ring *ring, size_t index, const char *channel)
{
    struct message_join message = {.channel = span_text(channel)};
    wire_put_join(link_packet(ring->edges[index].link), &message);
    ring_until(
        ring,
        edge_set_find(&ring->control->edges, span_text(ring->edges[index].id))->holder.count > 0);
}

void ring_receipt(struct ring *ring, size_t index, uint64_t first, uint64_t last)
{
    struct record_range range = {.first = first, .last = last};
    struct message_receipt message = {.ranges = {&range, 1}};
    wire_put_receipt(link_packet(ring->edges[index].link), &message);
}

/* ---- the worker ---- */

void ring_disconnect_worker(struct ring *ring)
{
    link_set_destroy(&ring->worker_links);
    ring->worker = NULL;
    ring_until(ring, ring->control->workers.count == 0);
}

void ring_polled(struct ring *ring, size_t index, uint64_t number)
{
    struct message_polled message = {.number = number, .is_open = 1};
    wire_put_polled(link_packet(ring->edges[index].link), &message);
}

static void on_worker_up(void *context, struct link *link)
{
    struct ring *ring = context;
    ring->worker = link;
}

static void on_worker_down(void *context, struct link *link)
{
    struct ring *ring = context;
    (void)link;
    ring->worker = NULL;
}

static void on_worker_message(void *context, struct link *link, const struct wire_message *message)
{
    struct ring *ring = context;
    (void)link;
    if (message->id == MESSAGE_MEASURE) {
        ring->measured = message->as.measure.round;
        return;
    }
    assert_int_equal(message->id, MESSAGE_COMMANDED);
    ring->commanded = message->as.commanded.reference;
}

static void connect_worker(struct ring *ring)
{
    struct link_options options = link_options(ring, "webhook-worker", "the-worker", ring);
    options.handlers = (struct link_handlers){
        .on_up = on_worker_up, .on_down = on_worker_down, .on_message = on_worker_message};
    assert_int_equal(link_set_connect(ring->loop, &options, control_address(ring), "control",
                                      &ring->worker_links),
                     0);
    ring_until(ring, ring->worker);
}

static size_t entries(const struct ring *ring, unsigned bits,
                      struct record_roll_entry ret_entries[RING_EDGES])
{
    size_t count = 0;
    for (size_t i = 0; i < RING_EDGES; i++)
        if (bits & 1u << i)
            ret_entries[count++] =
                (struct record_roll_entry){.edge = span_text(ring->edges[i].id), .epoch = 1};
    return count;
}

void ring_roll(struct ring *ring, unsigned live, unsigned dead)
{
    struct record_roll_entry live_entries[RING_EDGES], dead_entries[RING_EDGES];
    struct message_roll message = {.router = span_text("router"), .version = ++ring->roll_version};

    message.live.items = live_entries;
    message.live.count = entries(ring, live, live_entries);
    message.dead.items = dead_entries;
    message.dead.count = entries(ring, dead, dead_entries);
    wire_put_roll(link_packet(ring->worker), &message);
    ring_until(ring, roll_version(&ring->control->roll) == ring->roll_version);
}

void ring_text(struct ring *ring, uint64_t reference, const char *connection)
{
    struct record_command_body body = {
        .type = COMMAND_TEXT, .target = span_text(connection), .data = span_text("hi")};
    struct message_commands message = {
        .reference = reference, .origin = span_text(connection), .commands = {&body, 1}};
    wire_put_commands(link_packet(ring->worker), &message);
}

void ring_warm(struct ring *ring)
{
    for (size_t i = 0; i < RING_EDGES; i++)
        ring_announce(ring, i);
    ring_roll(ring, 3, 0);
    ring->control->census.has_answer = true; /* else it waits for PostgreSQL for PEER_TIMEOUT */
    ring_until(ring, !control_cold_reason(ring->control));
}

/* ---- all of it ---- */

void ring_init(struct ring *ring)
{
    char error[CONFIG_ERROR_SIZE];
    void *actor;

    *ring = (struct ring){.edges = {{.id = "edge-0000a"}, {.id = "edge-0000b"}}};
    ring_ready_calls = ring_stopped_calls = 0;
    setenv("JWT_SECRET", RING_SECRET, 1);
    setenv("DATABASE_URL", "host=/nowhere", 1);
    setenv("CONTROL_LISTEN", "127.0.0.1:0", 1);
    setenv("CONTROL_LINK_LISTEN", "127.0.0.1:0", 1);
    setenv("CONTROL_BODY_LIMIT", "20000", 1);
    setenv("CONTROL_INFLIGHT_LIMIT", "1M", 1);
    setenv("CONTROL_TIMEOUT", "2s", 1);
    setenv("PEER_TIMEOUT", "800ms", 1);
    setenv("HEARTBEAT_INTERVAL", "50ms", 1);
    if (config_load(PROGRAM_CONTROL, &ring->config, error) < 0)
        fail_msg("%s", error);
    ring->loop = loop_new(0, NULL, NULL);
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, STDERR_FILENO);
    assert_int_equal(control_create(NULL, ring->loop, &ring->config, &actor), 0);
    ring->control = actor;
    for (size_t i = 0; i < RING_EDGES; i++)
        ring_connect_edge(ring, i);
    connect_worker(ring);
}

void ring_fini(struct ring *ring)
{
    void *actor = ring->control;

    for (size_t i = 0; i < RING_EDGES; i++) {
        link_set_destroy(&ring->edges[i].links);
        for (size_t c = 0; c < ring->edges[i].count; c++)
            buffer_fini(&ring->edges[i].commands[c].memory);
    }
    link_set_destroy(&ring->worker_links);
    control_destroy(&actor);
    assert_null(actor);
    loop_destroy(&ring->loop);
    config_fini(&ring->config);
}

/* ---- HTTP ---- */

static void connect_and_send(struct ring *ring, struct ring_call *call,
                             const struct buffer *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(ring->control->rest.server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *call = (struct ring_call){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(call->fd >= 0);
    assert_int_equal(connect(call->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(call->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(send(call->fd, request->data, request->length, 0), request->length);
}

void ring_call(struct ring *ring, struct ring_call *call, const char *method, const char *path,
               const char *headers, const char *body)
{
    struct buffer request = {0};

    buffer_append_format(&request, "%s %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %zu\r\n\r\n",
                         method, path, headers ? headers : "", body ? strlen(body) : 0);
    buffer_append_text(&request, body ? body : "");
    connect_and_send(ring, call, &request);
    buffer_fini(&request);
}

void ring_call_raw(struct ring *ring, struct ring_call *call, const char *text)
{
    struct buffer bytes = {0};

    buffer_append_text(&bytes, text);
    connect_and_send(ring, call, &bytes);
    buffer_fini(&bytes);
}

void ring_call_slowly(struct ring *ring, struct ring_call *call, const char *token, size_t length)
{
    struct buffer request = {0};

    buffer_append_format(&request,
                         "POST / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         token, length);
    connect_and_send(ring, call, &request);
    buffer_fini(&request);
}

char *ring_token(int64_t lifetime_s)
{
    return token_sign(span_text(RING_SECRET), TOKEN_AUDIENCE_CONTROL, clock_realtime_ms(),
                      lifetime_s);
}

void ring_call_allowed(struct ring *ring, struct ring_call *call, const char *method,
                       const char *path, const char *headers, const char *body)
{
    struct buffer all = {0};
    char *token = ring_token(60);

    buffer_append_format(&all, "Authorization: Bearer %s\r\n%s", token, headers ? headers : "");
    buffer_append_byte(&all, '\0');
    ring_call(ring, call, method, path, all.data, body);
    buffer_fini(&all);
    free(token);
}

bool ring_call_is_answered(struct ring_call *call)
{
    char bytes[4096];
    ssize_t got;

    while ((got = recv(call->fd, bytes, sizeof bytes, 0)) > 0) {
        buffer_append(&call->answer, bytes, (size_t)got);
        (void)buffer_reserve(&call->answer, 1);
    }
    const char *end = ring_call_find(call, "\r\n\r\n");
    const char *length = ring_call_find(call, "Content-Length: ");
    if (!end || !length || strlen(end) < (size_t)atol(length))
        return false;
    assert_int_equal(sscanf(call->answer.data, "HTTP/1.1 %u", &call->status), 1);
    return true;
}

const char *ring_call_find(const struct ring_call *call, const char *text)
{
    if (call->answer.length == 0)
        return NULL;
    call->answer.data[call->answer.length] = '\0';
    const char *found = strstr(call->answer.data, text);
    return found ? found + strlen(text) : NULL;
}

void ring_call_fini(struct ring_call *call)
{
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
    buffer_fini(&call->answer);
}
