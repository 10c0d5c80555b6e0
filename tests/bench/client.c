#include "tests/bench/client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/fail.h"

enum {
    READ_BYTES = 256 << 10,
    CLIENTS_PER_ADDRESS = 1000,
    OPCODE_TEXT = 1,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10
};

/* RFC 6455 §1.3's own example: one answer to compare with, for all. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct frame {
    unsigned first; /* FIN, reserved bits, opcode */
    struct span payload;
    size_t length; /* with its head */
};

/* ---- ending ---- */

void client_cut(struct client *client)
{
    if (client->state == CLIENT_CLOSED)
        return;
    poller_remove(&client->source);
    close(client->source.fd);
    client->state = CLIENT_CLOSED;
    buffer_fini(&client->unread);
    buffer_fini(&client->unsent);
    buffer_fini(&client->fragments);
}

static void lose(struct client *client, int status)
{
    client_cut(client);
    client->handler->on_lost(client, status);
}

/* ---- sending ---- */

static void keep_unsent(struct client *client, const char *data, size_t length)
{
    buffer_append(&client->unsent, data, length);
    poller_modify(&client->source, EPOLLIN | EPOLLOUT);
}

/* A broken connection shows when it is read. */
static void write_or_keep(struct client *client, const char *data, size_t length)
{
    ssize_t written = client->unsent.length > 0
                          ? 0
                          : send(client->source.fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0)
        written = errno == EAGAIN ? 0 : (ssize_t)length;
    if ((size_t)written < length)
        keep_unsent(client, data + written, length - (size_t)written);
}

static void flush(struct client *client)
{
    ssize_t written = send(client->source.fd, client->unsent.data, client->unsent.length,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0)
        written = errno == EAGAIN ? 0 : (ssize_t)client->unsent.length;
    buffer_consume(&client->unsent, (size_t)written);
    if (client->unsent.length == 0)
        poller_modify(&client->source, EPOLLIN);
}

/* Eight bytes at a time: the key repeats every four. */
static void append_masked(char *place, struct span data, uint64_t key)
{
    size_t at = 0;
    for (; at + 8 <= data.length; at += 8) {
        uint64_t word;
        memcpy(&word, data.data + at, 8);
        word ^= key;
        memcpy(place + at, &word, 8);
    }
    for (; at < data.length; at++)
        place[at] = (char)((unsigned char)data.data[at] ^ (unsigned char)(key >> (at % 8 * 8)));
}

static size_t write_head(unsigned char *head, unsigned opcode, size_t length)
{
    head[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        head[1] = (unsigned char)(0x80 | length);
        return 2;
    }
    unsigned bytes = length <= UINT16_MAX ? 2 : 8;
    head[1] = bytes == 2 ? 0x80 | 126 : 0x80 | 127;
    for (unsigned i = 0; i < bytes; i++)
        head[2 + i] = (unsigned char)((uint64_t)length >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static void send_frame(struct client *client, unsigned opcode, struct span payload)
{
    static struct buffer frame;
    static const uint64_t key = UINT64_C(0x5ac391e75ac391e7);
    buffer_clear(&frame);
    char *place = buffer_reserve(&frame, payload.length + 14);
    size_t head = write_head((unsigned char *)place, opcode, payload.length);
    memcpy(place + head, &key, 4);
    append_masked(place + head + 4, payload, key);
    write_or_keep(client, place, head + 4 + payload.length);
}

void client_send(struct client *client, struct span text)
{
    ASSERT(client->state == CLIENT_OPEN);
    send_frame(client, OPCODE_TEXT, text);
}

/* ---- receiving ---- */

/* False: the frame is not here as a whole. */
static bool take_frame(struct span data, struct frame *frame)
{
    const unsigned char *bytes = (const unsigned char *)data.data;
    if (data.length < 2)
        return false;
    if (bytes[1] & 0x80)
        fail("the broker masked a frame (RFC 6455 §5.1)");
    unsigned extra = bytes[1] == 126 ? 2 : bytes[1] == 127 ? 8 : 0;
    uint64_t length = extra ? 0 : bytes[1];
    if (data.length < 2 + extra)
        return false;
    for (unsigned i = 0; i < extra; i++)
        length = length << 8 | bytes[2 + i];
    if (data.length - 2 - extra < length)
        return false;
    *frame = (struct frame){.first = bytes[0],
                            .payload = span_of(data.data + 2 + extra, length),
                            .length = 2 + extra + length};
    return true;
}

static void on_data_frame(struct client *client, const struct frame *frame)
{
    bool is_last = frame->first & 0x80;
    if (is_last && client->fragments.length == 0) {
        client->handler->on_message(client, frame->payload);
        return;
    }
    buffer_append_span(&client->fragments, frame->payload);
    if (!is_last)
        return;
    struct buffer whole = client->fragments;
    client->fragments = (struct buffer){0};
    client->handler->on_message(client, buffer_span(&whole));
    buffer_fini(&whole);
}

static void on_frame(struct client *client, const struct frame *frame)
{
    switch (frame->first & 15) {
    case OPCODE_PING:
        send_frame(client, OPCODE_PONG, frame->payload);
        break;
    case OPCODE_PONG:
        break;
    case OPCODE_CLOSE:
        lose(client, 0);
        break;
    default:
        on_data_frame(client, frame);
    }
}

static size_t take_frames(struct client *client, struct span data)
{
    struct frame frame;
    size_t taken = 0;
    while (client->state == CLIENT_OPEN &&
           take_frame(span_of(data.data + taken, data.length - taken), &frame)) {
        taken += frame.length;
        on_frame(client, &frame);
    }
    return taken;
}

static size_t take_answer(struct client *client, struct span data)
{
    const char *end = memmem(data.data, data.length, "\r\n\r\n", 4);
    if (!end || data.length < 12)
        return 0;
    size_t length = (size_t)(end - data.data) + 4;
    int status = atoi(data.data + 9);
    if (status != 101) {
        lose(client, status);
        return length;
    }
    if (!memmem(data.data, length, ACCEPT, sizeof ACCEPT - 1))
        fail("the handshake's Sec-WebSocket-Accept is wrong");
    client->state = CLIENT_OPEN;
    client->was_open = true;
    client->handler->on_open(client);
    return length;
}

static size_t take(struct client *client, struct span data)
{
    size_t taken = client->state == CLIENT_HANDSHAKE ? take_answer(client, data) : 0;
    if (client->state == CLIENT_OPEN)
        taken += take_frames(client, span_of(data.data + taken, data.length - taken));
    return taken;
}

/* Nearly always a read brings whole frames, and nothing needs to be kept. */
static void on_read(struct client *client, const char *data, size_t length)
{
    if (client->unread.length > 0) {
        buffer_append(&client->unread, data, length);
        size_t taken = take(client, buffer_span(&client->unread));
        if (client->state != CLIENT_CLOSED)
            buffer_consume(&client->unread, taken);
        return;
    }
    size_t taken = take(client, span_of(data, length));
    if (client->state != CLIENT_CLOSED && taken < length)
        buffer_append(&client->unread, data + taken, length - taken);
}

static void on_event(struct poller_source *source, uint32_t events)
{
    static char data[READ_BYTES];
    struct client *client = CONTAINER_OF(source, struct client, source);
    if (client->state == CLIENT_CONNECTING && (events & EPOLLOUT))
        client->state = CLIENT_HANDSHAKE;
    if ((events & EPOLLOUT) && client->unsent.length > 0)
        flush(client);
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    ssize_t length = recv(source->fd, data, sizeof data, MSG_DONTWAIT);
    if (length > 0)
        on_read(client, data, (size_t)length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        lose(client, 0);
}

/* ---- connecting ---- */

void client_request(struct buffer *request, struct span path, bool is_browser)
{
    buffer_append_text(request, "GET ");
    buffer_append_span(request, path);
    buffer_append_text(request, " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: " KEY "\r\n");
    if (is_browser)
        buffer_append_text(
            request,
            "Origin: http://localhost\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/120.0.0.0 Safari/537.36\r\nAccept-Encoding: gzip, deflate, br\r\n"
            "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
            "Cookie: session=0123456789abcdef0123456789abcdef\r\n");
    buffer_append_text(request, "\r\n");
}

/* With many connections between the same two addresses, the kernel's search for a free port costs
 * more than all the rest of a handshake. Clients of the real world come from addresses of their
 * own; on loopback, a thousand share one. */
static void choose_source(const struct client *client, int fd, const struct sockaddr_in *target)
{
    static const int on = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    if (ntohl(target->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return;
    source.sin_addr.s_addr = htonl((uint32_t)IN_LOOPBACKNET << 24 | 1U << 16 |
                                   (1 + client->number / CLIENTS_PER_ADDRESS));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
        bind(fd, (const struct sockaddr *)&source, sizeof source) < 0)
        fail_errno("bind");
}

void client_connect(struct client *client, const struct sockaddr_in *address, struct span request)
{
    static const int on = 1;
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT(client->state == CLIENT_CLOSED);
    if (fd < 0)
        fail_errno("socket");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0)
        fail_errno("setsockopt");
    choose_source(client, fd, address);
    client->source = (struct poller_source){.fd = fd, .on_event = on_event};
    client->state = CLIENT_CONNECTING;
    buffer_append_span(&client->unsent, request);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno != EINPROGRESS)
        fail_errno("connect");
    poller_add(&client->source, EPOLLIN | EPOLLOUT);
}
