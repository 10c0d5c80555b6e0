#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/process/http_internal.h"
#include "common/text/json.h"

static const char PROBLEM_MEDIA_TYPE[] = "application/problem+json";
static const char TOO_LARGE_TYPE[] = "/problems/body-too-large";
static const char TOO_LARGE_TITLE[] = "The body is too large.";

/* "192.0.2.1", also when it came in through an IPv6 socket. */
static void format_client(int fd, char *text, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    snprintf(text, size, "unknown");
    if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0 ||
        getnameinfo((struct sockaddr *)&peer, length, text, (socklen_t)size, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return;
    if (strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.'))
        memmove(text, text + 7, strlen(text + 7) + 1);
}

void *http_request_arrive(void *server, const char *uri, struct MHD_Connection *connection)
{
    (void)server;
    struct http_request *request = xcalloc(1, sizeof(*request));
    request->connection = connection;
    request->owner =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    request->owner->request = request;
    request->hang_up.fd = -1;
    request->is_target_bad = http_target_parse(span_text(uri), &request->target) < 0;
    format_client(request->owner->fd, request->client, sizeof(request->client));
    return request;
}

static void stop_watching(struct http_request *request)
{
    loop_remove(request->owner->server->loop, &request->hang_up);
}

void http_request_completed(void *server, struct MHD_Connection *connection, void **request_place,
                            enum MHD_RequestTerminationCode how)
{
    struct http_request *request = *request_place;
    (void)server;
    (void)connection;
    (void)how;
    if (!request)
        return;
    *request_place = NULL;
    http_request_abandon(request);
    stop_watching(request);
    http_connection_request_ended(request->owner);
    if (request->response)
        MHD_destroy_response(request->response);
    http_target_fini(&request->target);
    buffer_fini(&request->body);
    buffer_fini(&request->stream);
    free(request);
}

void http_request_resume(struct http_request *request)
{
    if (!request->is_suspended)
        return;
    request->is_suspended = false;
    stop_watching(request);
    MHD_resume_connection(request->connection);
    http_server_wake(request->owner->server);
}

static bool is_handlers(const struct http_request *request)
{
    switch (request->state) {
    case HTTP_REQUEST_ARRIVING:
        return request->owner->server->handler.on_arriving && !request->response;
    case HTTP_REQUEST_WAITING:
        return true;
    case HTTP_REQUEST_BEGUN:
    case HTTP_REQUEST_STREAMED:
        return !request->is_stream_over;
    case HTTP_REQUEST_NEW:
    case HTTP_REQUEST_ANSWERED:
    case HTTP_REQUEST_DONE:
        break;
    }
    return false;
}

static void tell_gone(struct http_request *request)
{
    const struct http_server *server = request->owner->server;
    if (!is_handlers(request))
        return;
    request->state = HTTP_REQUEST_DONE;
    if (server->handler.on_gone)
        server->handler.on_gone(server->context, request);
}

void http_request_abandon(struct http_request *request)
{
    tell_gone(request);
    http_request_resume(request);
}

static void on_hang_up(struct loop_source *source, uint32_t events)
{
    (void)events;
    http_request_abandon(CONTAINER_OF(source, struct http_request, hang_up));
}

/* libmicrohttpd forgets a suspended connection's descriptor, so it is ours to watch. */
void http_request_suspend(struct http_request *request)
{
    request->is_suspended = true;
    MHD_suspend_connection(request->connection);
    request->hang_up = (struct loop_source){
        .fd = request->owner->fd, .events = EPOLLRDHUP, .on_event = on_hang_up};
    if (loop_add(request->owner->server->loop, &request->hang_up) < 0)
        request->hang_up.fd = -1; /* no memory for it: then the answer finds out */
}

static enum MHD_Result queue_answer(struct http_request *request)
{
    enum MHD_Result result =
        MHD_queue_response(request->connection, request->status, request->response);
    bool goes_on = request->state == HTTP_REQUEST_BEGUN && !request->is_stream_over;
    request->state = goes_on ? HTTP_REQUEST_STREAMED : HTTP_REQUEST_DONE;
    MHD_destroy_response(request->response);
    request->response = NULL;
    return result;
}

static void write_problem(unsigned int status, const char *type, const char *title,
                          struct span detail, struct buffer *body)
{
    buffer_append_text(body, "{\"type\":");
    json_append_string(body, span_text(type));
    buffer_append_text(body, ",\"title\":");
    json_append_string(body, span_text(title));
    buffer_append_format(body, ",\"status\":%u", status);
    if (detail.length) {
        buffer_append_text(body, ",\"detail\":");
        json_append_foreign(body, detail);
    }
    buffer_append_byte(body, '}');
}

/* An answer of the server's own, before the handler has seen anything. */
static enum MHD_Result refuse(struct http_request *request, unsigned int status, const char *type,
                              const char *title, struct span detail)
{
    request->state = HTTP_REQUEST_WAITING;
    http_request_answer_problem(request, status, type, title, detail);
    return queue_answer(request);
}

static void describe_limit(const struct http_request *request, struct buffer *detail)
{
    const struct http_limits *limits = &request->owner->server->limits;
    buffer_append_format(detail, "at most %zu bytes", limits->body_bytes);
    if (limits->body_setting)
        buffer_append_format(detail, ", %s", limits->body_setting);
}

static enum MHD_Result refuse_too_large(struct http_request *request)
{
    struct buffer detail = {0};
    describe_limit(request, &detail);
    enum MHD_Result result =
        refuse(request, 413, TOO_LARGE_TYPE, TOO_LARGE_TITLE, buffer_span(&detail));
    buffer_fini(&detail);
    return result;
}

static bool has_body(const struct http_request *request)
{
    struct span length = http_request_header(request, "Content-Length");
    return http_request_header(request, "Transfer-Encoding").data ||
           (length.data && !span_is(length, "0"));
}

/* A body of so many bytes is about to be kept, unless the handler answers now. */
static void announce(struct http_request *request, size_t body_bytes)
{
    const struct http_server *server = request->owner->server;
    request->announced_bytes = body_bytes;
    if (server->handler.on_arriving && !request->response)
        server->handler.on_arriving(server->context, request, body_bytes);
}

/* The header is complete; nothing of the body was read. */
static enum MHD_Result take_header(struct http_request *request, const char *method)
{
    uint64_t length = 0;
    struct span length_text = http_request_header(request, "Content-Length");
    size_t limit = request->owner->server->limits.body_bytes;
    bool too_large = length_text.data && span_to_u64(length_text, limit, &length) < 0;
    request->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
    request->owner->lingers = (too_large || request->is_target_bad) && has_body(request);
    if (request->is_target_bad)
        return refuse(request, 400, "/problems/bad-target", "The request target is malformed.",
                      span_text(NULL));
    if (too_large)
        return refuse_too_large(request);
    request->state = HTTP_REQUEST_ARRIVING;
    announce(request, (size_t)length);
    return MHD_YES;
}

/* libmicrohttpd takes no answer in the middle of a body, so this one goes to the socket directly,
 * and the connection ends. */
static enum MHD_Result refuse_midway(struct http_request *request)
{
    struct buffer body = {0}, answer = {0}, detail = {0};
    describe_limit(request, &detail);
    write_problem(413, TOO_LARGE_TYPE, TOO_LARGE_TITLE, buffer_span(&detail), &body);
    buffer_fini(&detail);
    buffer_append_format(&answer,
                         "HTTP/1.1 413 Content Too Large\r\nContent-Type: %s\r\n"
                         "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                         PROBLEM_MEDIA_TYPE, body.length);
    buffer_append_span(&answer, buffer_span(&body));
    (void)send(request->owner->fd, answer.data, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    buffer_fini(&body);
    buffer_fini(&answer);
    request->owner->lingers = true;
    tell_gone(request);
    request->state = HTTP_REQUEST_DONE;
    return MHD_NO;
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *length)
{
    if (*length > request->owner->server->limits.body_bytes - request->arrived_bytes)
        return refuse_midway(request);
    request->arrived_bytes += *length;
    if (request->arrived_bytes > request->announced_bytes)
        announce(request, request->arrived_bytes);
    if (!request->response)
        buffer_append(&request->body, data, *length);
    *length = 0;
    return MHD_YES;
}

static enum MHD_Result hand_over(struct http_request *request)
{
    const struct http_server *server = request->owner->server;
    http_connection_request_arrived(request->owner);
    if (request->response)
        return queue_answer(request);
    request->state = HTTP_REQUEST_WAITING;
    server->handler.on_request(server->context, request);
    if (request->state == HTTP_REQUEST_ANSWERED || request->state == HTTP_REQUEST_BEGUN)
        return queue_answer(request);
    http_request_suspend(request);
    return MHD_YES;
}

enum MHD_Result http_request_continue(void *server, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *upload_data, size_t *upload_data_size,
                                      void **request_place)
{
    struct http_request *request = *request_place;
    (void)server;
    (void)connection;
    (void)url;
    (void)version;
    switch (request->state) {
    case HTTP_REQUEST_NEW:
        return take_header(request, method);
    case HTTP_REQUEST_ARRIVING:
        if (*upload_data_size > 0)
            return take_body(request, upload_data, upload_data_size);
        return hand_over(request);
    case HTTP_REQUEST_ANSWERED:
    case HTTP_REQUEST_BEGUN:
        return queue_answer(request);
    case HTTP_REQUEST_STREAMED:
    case HTTP_REQUEST_WAITING:
    case HTTP_REQUEST_DONE:
        break;
    }
    return MHD_NO;
}

struct span http_request_method(const struct http_request *request)
{
    return span_text(request->method);
}

const struct http_target *http_request_target(const struct http_request *request)
{
    return &request->target;
}

struct span http_request_header(const struct http_request *request, const char *name)
{
    return span_text(MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name));
}

struct span http_request_body(const struct http_request *request)
{
    return buffer_span(&request->body);
}

const char *http_request_client(const struct http_request *request)
{
    return request->client;
}

void http_request_set_context(struct http_request *request, void *context)
{
    request->context = context;
}

void *http_request_context(const struct http_request *request)
{
    return request->context;
}

void http_request_add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
    if (answer->content_type)
        (void)MHD_add_response_header(response, "Content-Type", answer->content_type);
    for (size_t i = 0; i < answer->header_count; i++)
        (void)MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
}

static struct MHD_Response *make_response(const struct http_answer *answer)
{
    union {
        const void *borrowed;
        void *plain; /* libmicrohttpd copies it, but does not say const */
    } body = {.borrowed = answer->body.data};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body.length, body.plain, MHD_RESPMEM_MUST_COPY);
    ASSERT(response);
    http_request_add_headers(response, answer);
    return response;
}

void http_request_answer(struct http_request *request, const struct http_answer *answer)
{
    ASSERT(is_handlers(request) && !request->response);
    ASSERT(answer->status >= 200 && answer->status <= 599);
    request->response = make_response(answer);
    request->status = answer->status;
    if (request->state == HTTP_REQUEST_ARRIVING)
        buffer_fini(&request->body);
    else
        request->state = HTTP_REQUEST_ANSWERED;
    if (request->owner->server->is_draining)
        (void)MHD_add_response_header(request->response, "Connection", "close");
    http_request_resume(request);
}

void http_request_answer_problem(struct http_request *request, unsigned int status,
                                 const char *type, const char *title, struct span detail)
{
    struct buffer body = {0};
    write_problem(status, type, title, detail, &body);
    const struct http_answer answer = {
        .status = status, .content_type = PROBLEM_MEDIA_TYPE, .body = buffer_span(&body)};
    http_request_answer(request, &answer);
    buffer_fini(&body);
}
