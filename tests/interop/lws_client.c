/* A client by other hands: libwebsockets goes through messages of every length form, fragments and
 * pings, expects each message back as it was, and ends the connection, or has it ended.
 *
 *     lws_client PORT deflate|plain leave|be-closed
 *
 * The backend chooses the subprotocol "echo.interop", echoes, and closes with 4002 "as you asked"
 * when it hears "close me". A client that leaves does so with 4001 "all seen".
 * When deflate is negotiated, the client of libwebsockets 4.1.6 delivers a frame that is not
 * compressed over and over, unless it is empty. Then its pings are, and there are no messages that
 * would not get smaller, which the edge does not compress.
 *
 * Exit code 0 when all was as it should be; otherwise one line says what was not.
 */
#include <libwebsockets.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { LARGEST_BYTES = 300000, LEAVING_CODE = 4001, CLOSING_CODE = 4002 };

#define SUBPROTOCOL    "echo.interop"
#define LEAVING_REASON "all seen"
#define CLOSE_REQUEST  "close me"
#define CLOSING_REASON "as you asked"

struct step {
    size_t bytes;
    size_t piece_bytes; /* of its fragments, with a ping behind the first; 0: it goes whole */
    bool is_binary;
};

/* clang-format off */
static const struct step steps[] = {
    {     0,     0, false}, {     0,     0, true},
    {     1,     0, false}, {     1,     0, true},
    {   125,     0, false}, {   125,     0, true},
    {   126,     0, false}, {   126,     0, true},
    { 65535,     0, false}, { 65535,     0, true},
    { 65536,     0, false}, { 65536,     0, true},
    {300000,     0, false}, {300000,     0, true},
    {   144,    47, false}, {  1000,   125, true}, /* the first cuts characters */
    { 70000, 33333, false}, {300000, 65536, true},
};
/* clang-format on */

/* The one connection. */
static struct {
    bool wants_deflate;
    bool leaves;
    size_t step;
    unsigned messages;
    unsigned char message[LARGEST_BYTES];
    size_t sent;
    bool was_sent; /* wholly */
    const char *ping;
    bool ping_is_due;
    unsigned pings, pongs;
    unsigned char received[LARGEST_BYTES];
    size_t received_bytes;
    bool came_back;
    bool was_closed; /* by the other side, as it should */
    bool is_over;
} client;

NORETURN PRINTF_LIKE(1, 2) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "step %zu: ", client.step);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* ---- what is said ---- */

/* Characters of every length in UTF-8. */
static void make_text(size_t bytes)
{
    static const char text[] = "a\xc3\xbc\xe2\x98\x83\xf0\x9f\x9a\x80";
    const size_t length = sizeof(text) - 1;
    memset(client.message, 'x', bytes);
    for (size_t i = 0; i < bytes / length * length; i++)
        client.message[i] = (unsigned char)text[i % length];
}

/* What does not get smaller, unless it should. */
static void make_binary(size_t bytes)
{
    uint32_t noise = 2463534242;
    for (size_t i = 0; i < bytes; i++) {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        client.message[i] = (unsigned char)(client.wants_deflate ? i % 16 : noise);
    }
}

static bool can_be_played(const struct step *step)
{
    return !client.wants_deflate || step->bytes != 1;
}

static void write_frame(struct lws *wsi, const void *data, size_t length, int kind)
{
    static unsigned char frame[LWS_PRE + LARGEST_BYTES];
    if (length > 0)
        memcpy(frame + LWS_PRE, data, length);
    if (lws_write(wsi, frame + LWS_PRE, length, (enum lws_write_protocol)kind) < (int)length)
        fail("cannot write %zu bytes", length);
}

static void write_piece(struct lws *wsi)
{
    const struct step *step = &steps[client.step];
    size_t left = step->bytes - client.sent;
    size_t length = step->piece_bytes ? min_size(left, step->piece_bytes) : left;
    int kind = client.sent > 0   ? LWS_WRITE_CONTINUATION
               : step->is_binary ? LWS_WRITE_BINARY
                                 : LWS_WRITE_TEXT;
    write_frame(wsi, client.message + client.sent, length,
                length < left ? kind | LWS_WRITE_NO_FIN : kind);
    client.ping_is_due = client.sent == 0 && length < left;
    client.sent += length;
    client.was_sent = length == left;
}

static int end(struct lws *wsi)
{
    if (client.leaves) {
        unsigned char reason[] = LEAVING_REASON;
        lws_close_reason(wsi, (enum lws_close_status)LEAVING_CODE, reason, sizeof(reason) - 1);
        return -1;
    }
    write_frame(wsi, CLOSE_REQUEST, strlen(CLOSE_REQUEST), LWS_WRITE_TEXT);
    client.was_sent = true;
    return 0;
}

static int on_writable(struct lws *wsi)
{
    if (client.was_sent)
        return 0;
    if (client.step == ARRAY_LENGTH(steps))
        return end(wsi);
    if (client.ping_is_due) {
        write_frame(wsi, client.ping, strlen(client.ping), LWS_WRITE_PING);
        client.ping_is_due = false;
        client.pings++;
    } else {
        write_piece(wsi);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

/* ---- what is heard ---- */

static void begin_step(struct lws *wsi)
{
    if (client.step < ARRAY_LENGTH(steps))
        (steps[client.step].is_binary ? make_binary : make_text)(steps[client.step].bytes);
    client.sent = client.received_bytes = 0;
    client.was_sent = client.came_back = false;
    lws_callback_on_writable(wsi);
}

static void step_if_done(struct lws *wsi)
{
    if (!client.came_back || client.pongs < client.pings)
        return;
    client.messages++;
    do
        client.step++;
    while (client.step < ARRAY_LENGTH(steps) && !can_be_played(&steps[client.step]));
    begin_step(wsi);
}

static void on_received(struct lws *wsi, const void *data, size_t length)
{
    if (client.step == ARRAY_LENGTH(steps) || !client.was_sent || client.came_back)
        fail("%zu bytes come unasked", length);
    const struct step *step = &steps[client.step];
    if (length > step->bytes - client.received_bytes)
        fail("more than %zu bytes come back", step->bytes);
    if (length > 0)
        memcpy(client.received + client.received_bytes, data, length);
    client.received_bytes += length;
    if (!lws_is_final_fragment(wsi))
        return;
    if (!!lws_frame_is_binary(wsi) != step->is_binary)
        fail("%s comes back otherwise", step->is_binary ? "binary" : "text");
    if (client.received_bytes != step->bytes ||
        memcmp(client.received, client.message, step->bytes) != 0)
        fail("%zu bytes come back for %zu, or others", client.received_bytes, step->bytes);
    client.came_back = true;
    step_if_done(wsi);
}

static void on_pong(struct lws *wsi, const void *data, size_t length)
{
    if (length != strlen(client.ping) || memcmp(data, client.ping, length) != 0)
        fail("a pong of %zu bytes is not our ping", length);
    if (++client.pongs > client.pings)
        fail("a pong comes unasked");
    step_if_done(wsi);
}

static void on_close_frame(const unsigned char *data, size_t length)
{
    if (client.leaves || client.step < ARRAY_LENGTH(steps))
        fail("closed early");
    if (length != 2 + strlen(CLOSING_REASON) || (data[0] << 8 | data[1]) != CLOSING_CODE ||
        memcmp(data + 2, CLOSING_REASON, length - 2) != 0)
        fail("closed with something else than %d and \"%s\"", CLOSING_CODE, CLOSING_REASON);
    client.was_closed = true;
}

static void on_closed(void)
{
    if (client.step < ARRAY_LENGTH(steps) || (!client.leaves && !client.was_closed))
        fail("hung up");
    client.is_over = true;
}

static void check_handshake(struct lws *wsi)
{
    char value[256] = "";
    if (lws_hdr_copy(wsi, value, sizeof(value), WSI_TOKEN_PROTOCOL) < 0 ||
        strcmp(value, SUBPROTOCOL) != 0)
        fail("the subprotocol is \"%s\"", value);
    value[0] = '\0';
    bool has_extensions = lws_hdr_copy(wsi, value, sizeof(value), WSI_TOKEN_EXTENSIONS) > 0;
    if (has_extensions != client.wants_deflate ||
        (has_extensions && strncmp(value, "permessage-deflate", 18) != 0))
        fail("the extensions are \"%s\"", value);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fail("cannot connect: %s", in ? (const char *)in : "no reason");
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        check_handshake(wsi);
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        begin_step(wsi);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        on_received(wsi, in, length);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        on_pong(wsi, in, length);
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        on_close_frame(in, length);
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        on_closed();
        break;
    }
    return 0;
}

/* ---- the connection ---- */

static const struct lws_protocols protocols[] = {
    {.name = SUBPROTOCOL, .callback = on_event, .rx_buffer_size = 4096},
    {0},
};

static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
    {0},
};

static void run(int port)
{
    struct lws_context_creation_info creation = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .extensions = client.wants_deflate ? extensions : NULL,
    };
    struct lws_context *context = lws_create_context(&creation);
    struct lws_client_connect_info connection = {
        .context = context,
        .address = "127.0.0.1",
        .port = port,
        .path = "/interop?by=libwebsockets",
        .host = "interop.test",
        .origin = "interop.test",
        .protocol = "mqtt, " SUBPROTOCOL,
        .local_protocol_name = SUBPROTOCOL,
    };
    if (!context || !lws_client_connect_via_info(&connection))
        fail("libwebsockets does not start");
    while (!client.is_over)
        lws_service(context, 0);
    lws_context_destroy(context);
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4)
        fail("usage: lws_client PORT deflate|plain leave|be-closed");
    client.wants_deflate = strcmp(arguments[2], "deflate") == 0;
    client.leaves = strcmp(arguments[3], "leave") == 0;
    client.ping = client.wants_deflate ? "" : "are you there?";
    lws_set_log_level(LLL_ERR, NULL);
    run(atoi(arguments[1]));
    printf("%u messages, %u pings\n", client.messages, client.pings);
    return 0;
}
