#include "tests/unit/edge/ring.h"
#include "common/contract/command.h"
#include "common/process/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/process/listener.h"

/* ---- in place of the process around the edge ---- */

static struct ring *current;

void lifecycle_ready(struct lifecycle *lifecycle)
{
    (void)lifecycle;
    current->is_ready = true;
}

void lifecycle_stopped(struct lifecycle *lifecycle)
{
    (void)lifecycle;
    current->has_stopped = true;
}

void lifecycle_fail(struct lifecycle *lifecycle, int exit_code)
{
    (void)lifecycle;
    current->exit_code = exit_code;
}

/* ---- writing down ---- */

static size_t number_of(struct ring *ring, struct span id)
{
    for (size_t i = 0; i < ring->id_count; i++)
        if (span_is(id, ring->ids[i]))
            return i;
    assert_true(ring->id_count < RING_CLIENTS);
    ring->ids[ring->id_count] = span_dup(id);
    return ring->id_count++;
}

struct span ring_id(const struct ring *ring, size_t number)
{
    assert_true(number < ring->id_count);
    return span_text(ring->ids[number]);
}

static void put_events(struct buffer *lines, const struct record_event_list *events)
{
    for (size_t i = 0; i < events->count; i++) {
        const struct record_event *event = &events->items[i];
        struct span data = span_of(event->data.data, min_size(event->data.length, 100));
        buffer_append_format(lines, " %s", event_kind_name((enum event_kind)event->kind));
        if (event->kind == EVENT_CLOSE)
            buffer_append_format(lines, ":%u:%.*s", (unsigned)event->code, SPAN_ARGS(data));
        else if (event->kind != EVENT_OPEN)
            buffer_append_format(lines, ":%.*s", SPAN_ARGS(data));
    }
}

static void put_page(struct ring *ring, struct buffer *lines, const struct message_page *page)
{
    static const char *const states[] = {"opening", "open", "closing"};
    buffer_append_format(lines, "PAGE %u%s", (unsigned)page->snapshot,
                         page->is_last ? " last" : "");
    for (size_t i = 0; i < page->entries.count; i++) {
        const struct record_snapshot_entry *entry = &page->entries.items[i];
        buffer_append_format(lines, " #%zu:%s", number_of(ring, entry->connection),
                             states[entry->state]);
        for (size_t j = 0; j < entry->channels.count; j++)
            buffer_append_format(lines, "[%.*s]", SPAN_ARGS(entry->channels.items[j].channel));
    }
}

static void put_from_router(struct ring *ring, struct buffer *lines,
                            const struct wire_message *message)
{
    if (message->id == MESSAGE_ADOPT) {
        buffer_append_format(lines, "ADOPT connections=%u returning=%u",
                             (unsigned)message->as.adopt.connections,
                             (unsigned)message->as.adopt.returning);
    } else if (message->id == MESSAGE_BATCH) {
        const struct message_batch *batch = &message->as.batch;
        buffer_append_format(lines, "BATCH #%zu %u-%u%s", number_of(ring, batch->connection),
                             (unsigned)batch->first, (unsigned)batch->last,
                             batch->metadata_known ? " meta" : "");
        put_events(lines, &batch->events);
    } else if (message->id == MESSAGE_OPENED) {
        buffer_append_format(lines, "OPENED #%zu", number_of(ring, message->as.opened.connection));
    } else if (message->id == MESSAGE_SUBSCRIBED) {
        buffer_append_format(lines, "SUBSCRIBED #%zu %.*s",
                             number_of(ring, message->as.subscribed.connection),
                             SPAN_ARGS(message->as.subscribed.channel));
    } else if (message->id == MESSAGE_UNSUBSCRIBED) {
        buffer_append_format(lines, "UNSUBSCRIBED #%zu %.*s",
                             number_of(ring, message->as.unsubscribed.connection),
                             SPAN_ARGS(message->as.unsubscribed.channel));
    } else if (message->id == MESSAGE_METADATA) {
        buffer_append_format(lines, "METADATA #%zu %.*s",
                             number_of(ring, message->as.metadata.connection),
                             SPAN_ARGS(message->as.metadata.metadata));
    } else if (message->id == MESSAGE_PAGE) {
        put_page(ring, lines, &message->as.page);
    } else {
        buffer_append_text(lines, message_name(message->id));
    }
}

static void put_from_control(struct buffer *lines, const struct wire_message *message)
{
    if (message->id == MESSAGE_JOIN) {
        buffer_append_format(lines, "JOIN %.*s", SPAN_ARGS(message->as.join.channel));
    } else if (message->id == MESSAGE_LEAVE) {
        buffer_append_format(lines, "LEAVE %.*s %u", SPAN_ARGS(message->as.leave.channel),
                             (unsigned)message->as.leave.through);
    } else if (message->id == MESSAGE_ANNOUNCED) {
        buffer_append_format(lines, "ANNOUNCED %u", (unsigned)message->as.announced.channels);
    } else if (message->id == MESSAGE_RECEIPT) {
        buffer_append_text(lines, "RECEIPT");
        for (size_t i = 0; i < message->as.receipt.ranges.count; i++)
            buffer_append_format(lines, " %u-%u",
                                 (unsigned)message->as.receipt.ranges.items[i].first,
                                 (unsigned)message->as.receipt.ranges.items[i].last);
    } else if (message->id == MESSAGE_WATCHING) {
        buffer_append_format(lines, "WATCHING %.*s", SPAN_ARGS(message->as.watching.channel));
    } else if (message->id == MESSAGE_WATCHED) {
        const struct message_watched *watched = &message->as.watched;
        struct span data = span_of(watched->data.data, min_size(watched->data.length, 100));
        buffer_append_format(lines, "WATCHED %.*s %s:%.*s missed=%u", SPAN_ARGS(watched->channel),
                             watched->is_binary ? "BINARY" : "TEXT", SPAN_ARGS(data),
                             (unsigned)watched->missed);
    } else if (message->id == MESSAGE_POLLED) {
        buffer_append_format(lines, "POLLED %u %s", (unsigned)message->as.polled.number,
                             message->as.polled.is_open ? "open" : "gone");
    } else {
        buffer_append_text(lines, message_name(message->id));
    }
}

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    struct peer *peer = context;
    (void)link;
    if (peer != &current->control)
        put_from_router(current, &peer->lines, message);
    else
        put_from_control(&peer->lines, message);
    buffer_append_byte(&peer->lines, '\n');
    if (message->id == MESSAGE_ADOPT && !peer->is_deaf) {
        const struct message_adopted adopted = {.epoch = 1};
        wire_put_adopted(link_packet(peer->edge), &adopted);
    }
}

static void on_up(void *context, struct link *link)
{
    struct peer *peer = context;
    peer->edge = link;
}

static void on_down(void *context, struct link *link)
{
    struct peer *peer = context;
    if (peer->edge == link)
        peer->edge = NULL;
}

/* ---- starting and stopping ---- */

static void bind_peer(struct ring *ring, struct peer *peer, const char *role, const char *endpoint)
{
    static unsigned starts;
    char name[32];
    snprintf(name, sizeof(name), "%s-%u", role, ++starts);
    const struct link_options options = {
        .role = role,
        .stack = "slip-sockets",
        .name = name,
        .heartbeat_ms = 50,
        .peer_timeout_ms = 5000,
        .buffer_bytes = 16 << 20,
        .handlers = {.on_up = on_up, .on_down = on_down, .on_message = on_message},
        .context = peer,
    };
    bool publishes = peer == &ring->control;
    peer->role = role;
    peer->next_number = 1;
    int rc;
    int64_t limit_ms = clock_monotonic_ms() + RING_LIMIT_MS;
    do { /* the predecessor's address may be in use for another moment */
        rc = link_set_bind(ring->loop, &options, endpoint, publishes ? "tcp://127.0.0.1:0" : NULL,
                           "edge", &peer->set);
    } while (rc == -EADDRINUSE && clock_monotonic_ms() < limit_ms);
    assert_int_equal(rc, 0);
}

void ring_restart_peer(struct ring *ring, struct peer *peer)
{
    char endpoint[64];
    snprintf(endpoint, sizeof(endpoint), "%s", link_set_endpoint(peer->set));
    link_set_destroy(&peer->set);
    peer->edge = NULL;
    buffer_clear(&peer->lines);
    bind_peer(ring, peer, peer->role, endpoint);
}

static void set_address(const char *variable, const struct peer *peer, const struct peer *second)
{
    char text[128];
    const size_t scheme = strlen("tcp://");
    snprintf(text, sizeof(text), "%s%s%s", link_set_endpoint(peer->set) + scheme, second ? "," : "",
             second ? link_set_endpoint(second->set) + scheme : "");
    setenv(variable, text, 1);
}

struct peer *ring_home(struct ring *ring)
{
    const struct link *home = ring->edge->home.link;
    bool is_second =
        ring->second.set && home && strstr(link_set_endpoint(ring->second.set), link_address(home));
    return is_second ? &ring->second : &ring->router;
}

struct peer *ring_other(struct ring *ring)
{
    return ring_home(ring) == &ring->router ? &ring->second : &ring->router;
}

void ring_turn(struct ring *ring)
{
    current = ring;
    loop_turn(ring->loop, 5);
}

static void wait_until_ready(struct ring *ring)
{
    int64_t limit_ms = clock_monotonic_ms() + RING_LIMIT_MS;
    while (!ring->is_ready) {
        ring_turn(ring);
        assert_true(clock_monotonic_ms() < limit_ms);
    }
}

static void start(struct ring *ring, bool with_second, const char *const *wanted)
{
    char error[CONFIG_ERROR_SIZE];
    void *actor;
    *ring = (struct ring){0};
    current = ring;
    log_threshold = getenv("RING_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR;
    ring->loop = loop_new(0, NULL, NULL);
    bind_peer(ring, &ring->router, "router", "tcp://127.0.0.1:0");
    bind_peer(ring, &ring->control, "control", "tcp://127.0.0.1:0");
    if (with_second)
        bind_peer(ring, &ring->second, "router", "tcp://127.0.0.1:0");
    set_address("ROUTER_ADDRESSES", &ring->router, with_second ? &ring->second : NULL);
    set_address("CONTROL_ADDRESSES", &ring->control, NULL);
    setenv("EDGE_LISTEN", "127.0.0.1:0", 1);
    setenv("HEARTBEAT_INTERVAL", "50ms", 1);
    for (const char *const *setting = wanted; setting && *setting; setting++) {
        char *name = xstrdup(*setting);
        char *value = strchr(name, '=');
        *value++ = '\0';
        setenv(name, value, 1);
        free(name);
    }
    if (config_load(PROGRAM_EDGE, &ring->config, error) < 0)
        fail_msg("%s", error);
    for (const char *const *setting = wanted; setting && *setting; setting++) {
        char *name = xstrdup(*setting);
        *strchr(name, '=') = '\0';
        unsetenv(name);
        free(name);
    }
    assert_int_equal(edge_create(NULL, ring->loop, &ring->config, &actor), 0);
    ring->edge = actor;
    wait_until_ready(ring);
}

void ring_start(struct ring *ring, const char *const *wanted)
{
    start(ring, false, wanted);
}

void ring_start_with_second(struct ring *ring, const char *const *wanted)
{
    start(ring, true, wanted);
}

void ring_stop(struct ring *ring)
{
    void *actor = ring->edge;
    edge_destroy(&actor);
    link_set_destroy(&ring->router.set);
    link_set_destroy(&ring->second.set);
    link_set_destroy(&ring->control.set);
    buffer_fini(&ring->router.lines);
    buffer_fini(&ring->second.lines);
    buffer_fini(&ring->control.lines);
    loop_destroy(&ring->loop);
    config_fini(&ring->config);
    for (size_t i = 0; i < ring->id_count; i++)
        free(ring->ids[i]);
}

/* ---- waiting for lines ---- */

static bool next_line(struct peer *peer, char *line, size_t size)
{
    const char *end =
        peer->lines.length > 0 ? memchr(peer->lines.data, '\n', peer->lines.length) : NULL;
    if (!end)
        return false;
    size_t length = (size_t)(end - peer->lines.data);
    snprintf(line, size, "%.*s", (int)length, peer->lines.data);
    buffer_consume(&peer->lines, length + 1);
    return true;
}

const char *ring_expect(struct ring *ring, struct peer *peer, const char *start)
{
    static char line[65536];
    int64_t limit_ms = clock_monotonic_ms() + RING_LIMIT_MS;
    for (;;) {
        while (next_line(peer, line, sizeof(line)))
            if (strncmp(line, start, strlen(start)) == 0)
                return line + strlen(start);
        ring_turn(ring);
        if (clock_monotonic_ms() > limit_ms)
            fail_msg("no \"%s\" from the edge", start);
    }
}

void ring_expect_none(struct ring *ring, struct peer *peer, const char *start)
{
    char line[4096];
    for (int i = 0; i < 20; i++) {
        ring_turn(ring);
        while (next_line(peer, line, sizeof(line)))
            if (strncmp(line, start, strlen(start)) == 0)
                fail_msg("unexpected \"%s\"", line);
    }
}

/* ---- speaking ---- */

void ring_ack(struct ring *ring, size_t connection, uint64_t last, enum ack_outcome outcome,
              int status)
{
    const struct message_ack ack = {
        .connection = ring_id(ring, connection),
        .last = last,
        .outcome = outcome,
        .status = (uint64_t)status,
    };
    wire_put_ack(link_packet(ring_home(ring)->edge), &ack);
}

void ring_command_numbered(struct ring *ring, uint64_t number, struct span origin, uint64_t first,
                           const struct record_command_body *body)
{
    const struct message_command command = {
        .number = number,
        .origin = origin,
        .origin_first = first,
        .published_us = (uint64_t)clock_realtime_ms() * 1000,
        .body = {.items = body, .count = 1},
    };
    assert_non_null(ring->control.edge);
    wire_put_command(link_packet(ring->control.edge), &command);
}

uint64_t ring_command(struct ring *ring, const struct record_command_body *body)
{
    uint64_t number = ring->control.next_number++;
    ring_command_numbered(ring, number, (struct span){0}, 0, body);
    return number;
}

uint64_t ring_answer(struct ring *ring, size_t connection, uint64_t first,
                     const struct record_command_body *body)
{
    uint64_t number = ring->control.next_number++;
    ring_command_numbered(ring, number, ring_id(ring, connection), first, body);
    return number;
}

/* ---- clients ---- */

static void send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        assert_true(sent > 0 || errno == EAGAIN);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
        } else {
            ring_turn(current);
        }
    }
}

int client_connect(struct ring *ring, const char *text)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(listener_port(ring->edge->acceptor.source.fd)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    send_all(fd, text, strlen(text));
    return fd;
}

int client_shake(struct ring *ring, const char *headers)
{
    struct buffer request = {0};
    buffer_append_format(&request,
                         "GET /chat?room=1 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                         headers);
    char *text = buffer_take(&request);
    int fd = client_connect(ring, text);
    free(text);
    return fd;
}

int client_open(struct ring *ring, size_t number)
{
    char line[32];
    int fd = client_shake(ring, "");
    snprintf(line, sizeof(line), "BATCH #%zu 0-0 meta OPEN", number);
    ring_expect(ring, &ring->router, line);
    const struct record_command_body accept = {.type = COMMAND_ACCEPT,
                                               .target = ring_id(ring, number)};
    ring_answer(ring, number, 0, &accept);
    assert_non_null(strstr(client_answer(ring, fd), "HTTP/1.1 101 "));
    ring_ack(ring, number, 0, ACK_DELIVERED, 0);
    ring_expect(ring, &ring->router, "OPENED");
    return fd;
}

void client_frame(int fd, unsigned char first_byte, struct span payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    struct buffer frame = {0};
    buffer_append_byte(&frame, (char)first_byte);
    if (payload.length < 126) {
        buffer_append_byte(&frame, (char)(0x80 | payload.length));
    } else if (payload.length < 65536) {
        buffer_append_byte(&frame, (char)(0x80 | 126));
        buffer_append_byte(&frame, (char)(payload.length >> 8));
        buffer_append_byte(&frame, (char)payload.length);
    } else {
        buffer_append_byte(&frame, (char)(0x80 | 127));
        for (int shift = 56; shift >= 0; shift -= 8)
            buffer_append_byte(&frame, (char)((uint64_t)payload.length >> shift));
    }
    buffer_append(&frame, mask, 4);
    size_t start = frame.length;
    buffer_append_span(&frame, payload);
    frame_unmask(frame.data + start, payload.length, mask, 0);
    send_all(fd, frame.data, frame.length);
    buffer_fini(&frame);
}

void client_text(int fd, const char *text)
{
    client_frame(fd, 0x81, span_text(text));
}

/* More bytes, or 0 at the end of the stream. */
static size_t receive(struct ring *ring, int fd, char *data, size_t size)
{
    int64_t limit_ms = clock_monotonic_ms() + RING_LIMIT_MS;
    for (;;) {
        ssize_t length = recv(fd, data, size, 0);
        if (length >= 0)
            return (size_t)length;
        if (errno != EAGAIN)
            fail_msg("the edge cut the client: %s", strerror(errno));
        ring_turn(ring);
        if (clock_monotonic_ms() > limit_ms)
            fail_msg("nothing came to the client");
    }
}

void client_read(struct ring *ring, int fd, char *ret_bytes, size_t length)
{
    size_t received = 0;
    while (received < length) {
        size_t more = receive(ring, fd, ret_bytes + received, length - received);
        if (more == 0)
            fail_msg("the stream ended");
        received += more;
    }
}

void client_expect(struct ring *ring, int fd, const char *bytes, size_t length)
{
    char *got = malloc(length);
    client_read(ring, fd, got, length);
    assert_memory_equal(got, bytes, length);
    free(got);
}

const char *client_answer(struct ring *ring, int fd)
{
    static char text[65536];
    size_t length = 0;
    text[0] = '\0';
    /* Byte by byte, so that frames behind a 101 stay where they are. */
    while (length < sizeof(text) - 1 && receive(ring, fd, text + length, 1) > 0) {
        text[++length] = '\0';
        if (strncmp(text, "HTTP/1.1 101", 12) == 0 && strstr(text, "\r\n\r\n"))
            break;
    }
    return text;
}

void client_expect_end(struct ring *ring, int fd)
{
    char byte;
    assert_int_equal(receive(ring, fd, &byte, 1), 0);
    close(fd);
}
