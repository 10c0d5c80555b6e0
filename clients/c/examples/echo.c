/* A whole backend in C: it says everything back, and publishes it to a channel.
 *
 *     POST /          the broker's events
 *     POST /announce  the body goes to everybody, by control's REST API
 *
 * Environment: JWT_SECRET, PORT (3000; 0: any free one, which is printed), CONTROL_API
 * (http://127.0.0.1:8081: the output slip-sockets.controlApi).
 *
 * To compile it by itself:
 *     cc echo.c -o echo $(pkg-config --cflags --libs libslip libmicrohttpd)
 *
 * One thread: libmicrohttpd reads requests, and the answer is made when a body is complete.
 */
#include <inttypes.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <slip.h>

#define CHANNEL        "everybody"
#define BODY_BYTES_MAX ((size_t)16 << 20)

static struct slip_verifier *verifier;
static struct slip_publisher *publisher;
static volatile sig_atomic_t is_stopped;

/* ---- what the backend does ---- */

static void handle_event(struct slip_commands *answer, const struct slip_connection *connection,
                         const struct slip_event *event)
{
    const char *id = connection->id.data;

    switch (event->type) {
    case SLIP_OPEN:
        slip_accept(answer, id, NULL);
        slip_subscribe(answer, id, CHANNEL);
        slip_send_text(answer, id, "hello", SLIP_TEXT);
        break;
    case SLIP_TEXT_MESSAGE:
        if (strcmp(event->data.data, "quit") == 0) {
            slip_close(answer, id, 4000, "as you wish");
            break;
        }
        slip_send_text(answer, id, event->data.data, event->data.length);
        slip_publish_text(answer, CHANNEL, event->data.data, event->data.length);
        break;
    case SLIP_BINARY_MESSAGE:
        slip_send_binary(answer, id, event->data.data, event->data.length);
        break;
    case SLIP_CLOSE:
        slip_publish_text(answer, CHANNEL, "somebody left", SLIP_TEXT);
        break;
    }
}

/* ---- HTTP ---- */

struct incoming {
    char *body;
    size_t length;
};

static enum MHD_Result reply(struct MHD_Connection *http, unsigned int status, const char *type,
                             const char *body, size_t length)
{
    union {
        const void *borrowed;
        void *plain; /* libmicrohttpd copies it, but does not say const */
    } bytes = {.borrowed = body};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, bytes.plain, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(http, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *http, unsigned int status,
                                  const char *text)
{
    return reply(http, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result webhook(struct MHD_Connection *http, const struct incoming *incoming)
{
    const char *token = MHD_lookup_connection_value(http, MHD_HEADER_KIND, "Authorization");
    struct slip_request *request;
    struct slip_error error;

    if (slip_verifier_check(verifier, token, &error) != SLIP_OK)
        return reply_text(http, 403, error.message);
    if (slip_request_parse(incoming->body, incoming->length, &request, &error) != SLIP_OK)
        return reply_text(http, 400, error.message);

    struct slip_commands *answer = slip_commands_new();
    for (size_t i = 0; i < slip_request_connection_count(request); i++) {
        const struct slip_connection *connection = slip_request_connection(request, i);
        for (size_t e = 0; e < connection->event_count; e++)
            handle_event(answer, connection, &connection->events[e]);
    }
    size_t length;
    const char *body = slip_commands_body(answer, &length);
    enum MHD_Result result = body ? reply(http, 200, SLIP_MEDIA_TYPE, body, length)
                                  : reply_text(http, 500, "no answer could be made");
    slip_commands_free(answer);
    slip_request_free(request);
    return result;
}

static enum MHD_Result announce(struct MHD_Connection *http, const struct incoming *incoming)
{
    struct slip_error error;

    if (slip_publisher_publish_text(publisher, CHANNEL, incoming->body, incoming->length, &error) !=
        SLIP_OK)
        return reply_text(http, 502, error.message);
    return reply_text(http, 200, "announced");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *http, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_length, void **place)
{
    struct incoming *incoming = *place;

    (void)context, (void)version;
    if (!incoming) {
        *place = incoming = calloc(1, sizeof *incoming);
        return incoming && (incoming->body = malloc(1)) ? MHD_YES : MHD_NO;
    }
    if (*data_length > 0) {
        char *body = *data_length <= BODY_BYTES_MAX - incoming->length
                         ? realloc(incoming->body, incoming->length + *data_length + 1)
                         : NULL;
        if (!body)
            return MHD_NO;
        memcpy(body + incoming->length, data, *data_length);
        incoming->body = body;
        incoming->length += *data_length;
        *data_length = 0;
        return MHD_YES;
    }
    if (strcmp(method, "POST") != 0)
        return reply_text(http, 405, "only POST");
    return strcmp(path, "/announce") == 0 ? announce(http, incoming) : webhook(http, incoming);
}

static void on_completed(void *context, struct MHD_Connection *http, void **place,
                         enum MHD_RequestTerminationCode how)
{
    struct incoming *incoming = *place;

    (void)context, (void)http, (void)how;
    if (incoming)
        free(incoming->body);
    free(incoming);
}

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

int main(void)
{
    const char *secret = getenv("JWT_SECRET");
    const char *port_text = getenv("PORT");
    unsigned long port = port_text ? strtoul(port_text, NULL, 10) : 3000;
    const char *control_api = getenv("CONTROL_API");
    struct slip_publisher_options options = {
        .control_api = control_api ? control_api : "http://127.0.0.1:8081", .jwt_secret = secret};
    struct slip_error error;

    verifier = slip_verifier_new(&secret, secret ? 1 : 0);
    if (!verifier || slip_publisher_new(&options, &publisher, &error) != SLIP_OK) {
        fprintf(stderr, "JWT_SECRET is needed, and CONTROL_API must be an address\n");
        return 2;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_NO_FLAG, (uint16_t)port, NULL, NULL, on_request, NULL,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "cannot listen on port %lu\n", port);
        return 1;
    }
    printf("listening on port %" PRIu16 "\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (!is_stopped)
        MHD_run_wait(daemon, 1000);
    MHD_stop_daemon(daemon);
    slip_publisher_free(publisher);
    slip_verifier_free(verifier);
    return 0;
}
