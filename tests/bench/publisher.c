#include "tests/bench/publisher.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"

static void append_body(struct buffer *body, const char *form, uint32_t channel, struct span text)
{
    if (strcmp(form, "slip") == 0)
        buffer_append_format(
            body,
            "{\"events\":[{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"c%u\",\"data\":\"%.*s\"}]}",
            channel, SPAN_ARGS(text));
    else if (strcmp(form, "grip") == 0)
        buffer_append_format(body,
                             "{\"items\":[{\"channel\":\"c%u\",\"formats\":{\"ws-message\":{"
                             "\"content\":\"%.*s\"}}}]}",
                             channel, SPAN_ARGS(text));
    else if (strcmp(form, "raw") == 0)
        buffer_append_span(body, text);
    else
        fail("unknown publish_form: %s", form);
}

void publisher_post(struct publisher *publisher, uint32_t channel, struct span text)
{
    static struct buffer request, body;
    const struct options *options = publisher->options;
    ASSERT(!publisher->is_waiting);
    buffer_clear(&request);
    buffer_clear(&body);
    append_body(&body, options->publish_form, channel, text);
    buffer_append_text(&request, "POST ");
    crowd_append_numbered(&request, options->publish_path, channel);
    buffer_append_format(&request, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n",
                         body.length);
    buffer_append_format(&request, "Content-Type: %s\r\n",
                         strcmp(options->publish_form, "slip") == 0 ? "application/websocket-events"
                                                                    : "application/json");
    if (options->token[0])
        buffer_append_format(&request, "Authorization: Bearer %s\r\n", options->token);
    buffer_append_text(&request, "\r\n");
    buffer_append_span(&request, buffer_span(&body));
    publisher->is_waiting = true;
    /* The socket's buffer is empty, for the last request was answered, and larger than any body. */
    if (send(publisher->source.fd, request.data, request.length, MSG_NOSIGNAL) !=
        (ssize_t)request.length)
        fail_errno("publish");
}

static size_t content_length(struct span head)
{
    static const char name[] = "\r\nContent-Length:";
    for (size_t i = 0; i + sizeof name < head.length; i++)
        if (span_equal_nocase(span_of(head.data + i, sizeof name - 1), span_text(name)))
            return (size_t)strtoul(head.data + i + sizeof name - 1, NULL, 10);
    fail("the answer to a publish has no Content-Length: %.*s", SPAN_ARGS(head));
}

static void take_answer(struct publisher *publisher)
{
    struct buffer *answer = &publisher->answer;
    const char *end = memmem(answer->data, answer->length, "\r\n\r\n", 4);
    if (!end)
        return;
    size_t head = (size_t)(end - answer->data) + 4;
    int status = atoi(answer->data + 9);
    if (status < 200 || status > 299)
        fail("a publish was answered %.*s", SPAN_ARGS(buffer_span(answer)));
    size_t whole = head + content_length(span_of(answer->data, head));
    if (answer->length < whole)
        return;
    if (answer->length > whole || !publisher->is_waiting)
        fail("a publish was answered twice");
    buffer_clear(answer);
    publisher->is_waiting = false;
    publisher->on_answered(publisher);
}

static void on_event(struct poller_source *source, uint32_t events)
{
    struct publisher *publisher = CONTAINER_OF(source, struct publisher, source);
    char data[4096];
    (void)events;
    ssize_t length = recv(source->fd, data, sizeof data, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("a publisher was cut off");
    buffer_append(&publisher->answer, data, (size_t)length);
    take_answer(publisher);
}

void publisher_open(struct publisher *publisher, const struct options *options,
                    void (*on_answered)(struct publisher *publisher))
{
    static const int on = 1, large = 4 << 20;
    struct sockaddr_in address = crowd_address(options->publish_target);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail_errno("connecting a publisher");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large) < 0)
        fail_errno("setsockopt");
    *publisher = (struct publisher){
        .source = {.fd = fd, .on_event = on_event}, .options = options, .on_answered = on_answered};
    poller_add(&publisher->source, EPOLLIN);
}
