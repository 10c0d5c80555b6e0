#include "tests/unit/webhook-worker/ring.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

size_t ring_ready_calls;
size_t ring_stopped_calls;

/* Instead of lifecycle.c's: the worker runs without a process of its own. */
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

static void on_up(void *context, struct link *link)
{
    struct node *node = context;
    node->worker = link;
}

static void on_down(void *context, struct link *link)
{
    struct node *node = context;
    (void)link;
    node->worker = NULL;
}

/* Encoded and decoded again, the message outlives the call. */
static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    struct node *node = context;
    (void)link;
    ASSERT(node->count < RING_MESSAGES);
    struct buffer *memory = &node->memory[node->count];
    struct wire_decoder *decoder = &node->decoders[node->count];
    buffer_clear(memory);
    wire_put_message(memory, message);
    struct span rest = buffer_span(memory);
    wire_decoder_reset(decoder);
    ASSERT(wire_decode_next(decoder, &rest, &node->messages[node->count]) == 0);
    node->count++;
}

void ring_bind(struct ring *ring, struct node *node, const char *role, const char *name)
{
    struct link_options options = {
        .role = role,
        .stack = "test",
        .name = name,
        .heartbeat_ms = ring->config.heartbeat_ms,
        .peer_timeout_ms = ring->config.peer_timeout_ms,
        .buffer_bytes = 1 << 20,
        .handlers = {.on_up = on_up, .on_down = on_down, .on_message = on_message},
        .context = node,
    };
    ring_unbind(node);
    if (!node->endpoint[0])
        snprintf(node->endpoint, sizeof(node->endpoint), "tcp://127.0.0.1:0");
    int rc = -1;
    for (int i = 0; i < 1000 && rc < 0; i++) {
        rc = link_set_bind(ring->loop, &options, node->endpoint, NULL, "webhook-worker",
                           &node->links);
        if (rc < 0)
            loop_turn(ring->loop, 10); /* the port is given back in the background */
    }
    ASSERT(rc == 0);
    snprintf(node->endpoint, sizeof(node->endpoint), "%s", link_set_endpoint(node->links));
}

void ring_unbind(struct node *node)
{
    link_set_destroy(&node->links);
    node->worker = NULL;
}

static void node_init(struct node *node)
{
    for (size_t i = 0; i < RING_MESSAGES; i++)
        wire_decoder_init(&node->decoders[i]);
}

static void node_fini(struct node *node)
{
    ring_unbind(node);
    for (size_t i = 0; i < RING_MESSAGES; i++) {
        wire_decoder_fini(&node->decoders[i]);
        buffer_fini(&node->memory[i]);
    }
}

static void load_config(struct ring *ring)
{
    char error[CONFIG_ERROR_SIZE];
    if (config_load(PROGRAM_WORKER, &ring->config, error) < 0) {
        fputs(error, stderr);
        abort();
    }
}

static void set_addresses(const char *variable, const struct node *nodes, size_t count)
{
    char text[256] = "";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", i ? "," : "",
                 nodes[i].endpoint + strlen("tcp://"));
    }
    setenv(variable, text, 1);
}

void ring_init(struct ring *ring, const char *concurrency, const char *drain)
{
    static const char *const names[RING_CONTROLS] = {"control-a", "control-b"};
    ring_ready_calls = ring_stopped_calls = 0;
    ring->loop = loop_new(0, NULL, NULL);
    backend_init(&ring->backend, ring->loop);
    setenv("TARGET_URL", ring->backend.url, 1);
    setenv("STACK_NAME", "test", 1);
    setenv("JWT_SECRET", "a-secret-for-the-tests-of-the-worker", 1);
    setenv("HEARTBEAT_INTERVAL", "50ms", 1);
    setenv("WEBHOOK_CONCURRENCY", concurrency, 1);
    setenv("DRAIN_SECONDS", drain, 1);
    load_config(ring);
    node_init(&ring->router);
    ring_bind(ring, &ring->router, "router", "router-a");
    for (size_t i = 0; i < RING_CONTROLS; i++) {
        node_init(&ring->controls[i]);
        ring_bind(ring, &ring->controls[i], "control", names[i]);
    }
    set_addresses("ROUTER_ADDRESSES", &ring->router, 1);
    set_addresses("CONTROL_ADDRESSES", ring->controls, RING_CONTROLS);
    config_fini(&ring->config);
    load_config(ring);
}

void ring_start_worker(struct ring *ring)
{
    void *actor = NULL;
    ASSERT(worker_create(NULL, ring->loop, &ring->config, &actor) == 0);
    ring->worker = actor;
}

void ring_fini(struct ring *ring)
{
    void *actor = ring->worker;
    worker_destroy(&actor);
    node_fini(&ring->router);
    for (size_t i = 0; i < RING_CONTROLS; i++)
        node_fini(&ring->controls[i]);
    backend_fini(&ring->backend);
    config_fini(&ring->config);
    loop_destroy(&ring->loop);
}

const struct wire_message *ring_last(const struct node *node, enum message_id id)
{
    for (size_t i = node->count; i > 0; i--)
        if (node->messages[i - 1].id == id)
            return &node->messages[i - 1];
    return NULL;
}

size_t ring_count(const struct node *node, enum message_id id)
{
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++)
        count += node->messages[i].id == id;
    return count;
}

static void put_job(struct ring *ring, uint64_t number, const struct record_job_item *item)
{
    ASSERT(ring->router.worker);
    struct message_job job = {.job = number, .items = {.items = item, .count = 1}};
    wire_put_job(link_packet(ring->router.worker), &job);
}

void ring_job(struct ring *ring, uint64_t number, const char *connection, uint64_t first)
{
    struct record_event event = {.kind = EVENT_TEXT, .data = span_text("hello")};
    struct record_job_item item = {
        .connection = span_text(connection),
        .first = first,
        .last = first,
        .attempt = 1,
        .events = {.items = &event, .count = 1},
    };
    put_job(ring, number, &item);
}

void ring_open_job(struct ring *ring, uint64_t number, const char *connection,
                   uint64_t remaining_ms)
{
    struct record_event event = {.kind = EVENT_OPEN};
    struct record_job_item item = {
        .connection = span_text(connection),
        .attempt = 1,
        .remaining_ms = remaining_ms,
        .events = {.items = &event, .count = 1},
    };
    put_job(ring, number, &item);
}

void ring_roll(struct ring *ring, uint64_t version)
{
    struct record_roll_entry live = {.edge = span_text("edge-a"), .epoch = 1};
    struct message_roll roll = {
        .router = span_text("router-a"),
        .version = version,
        .live = {.items = &live, .count = 1},
    };
    wire_put_roll(link_packet(ring->router.worker), &roll);
}

void ring_commanded(struct node *control, uint64_t reference)
{
    ASSERT(control->worker);
    wire_put_commanded(link_packet(control->worker),
                       &(struct message_commanded){.reference = reference});
}
