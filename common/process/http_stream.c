/* Answers that go on: libmicrohttpd asks for more of the body, and sleeps while there is none. */
#include "common/process/http_internal.h"

enum { BLOCK_BYTES = 32768 };

/* A callback of libmicrohttpd's. */
static ssize_t read_more(void *context, uint64_t position, char *place, size_t room)
{
    struct http_request *request = context;
    size_t count = min_size(http_request_pending_bytes(request), room);

    (void)position;
    if (request->state == HTTP_REQUEST_DONE && !request->is_stream_over)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (count == 0 && request->is_stream_over)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (count == 0) {
        http_request_suspend(request);
        return 0;
    }
    memcpy(place, request->stream.data + request->stream_sent, count);
    request->stream_sent += count;
    if (request->stream_sent == request->stream.length) {
        buffer_clear(&request->stream);
        request->stream_sent = 0;
    }
    return (ssize_t)count;
}

size_t http_request_pending_bytes(const struct http_request *request)
{
    return request->stream.length - request->stream_sent;
}

void http_request_begin(struct http_request *request, const struct http_answer *answer)
{
    ASSERT(request->state == HTTP_REQUEST_WAITING);
    ASSERT(answer->status >= 200 && answer->status <= 599);
    request->response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_more, request, NULL);
    ASSERT(request->response);
    http_request_add_headers(request->response, answer);
    request->status = answer->status;
    request->state = HTTP_REQUEST_BEGUN;
    buffer_append_span(&request->stream, answer->body);
    http_request_resume(request);
}

/* What was sent goes when it is the larger part: each byte is moved once at most. */
static void drop_sent(struct http_request *request)
{
    if (request->stream_sent < request->stream.length / 2)
        return;
    buffer_consume(&request->stream, request->stream_sent);
    request->stream_sent = 0;
}

void http_request_append(struct http_request *request, struct span bytes)
{
    ASSERT(request->state == HTTP_REQUEST_BEGUN || request->state == HTTP_REQUEST_STREAMED);
    drop_sent(request);
    buffer_append_span(&request->stream, bytes);
    http_request_resume(request);
}

void http_request_end(struct http_request *request)
{
    ASSERT(request->state == HTTP_REQUEST_BEGUN || request->state == HTTP_REQUEST_STREAMED);
    request->is_stream_over = true;
    if (request->state == HTTP_REQUEST_STREAMED)
        request->state = HTTP_REQUEST_DONE;
    http_request_resume(request);
}
