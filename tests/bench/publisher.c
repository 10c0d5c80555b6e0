#include "tests/bench/publisher.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/http.h"

static void append_body(struct buffer *body, const char *form,
                        const struct publication *publications, size_t count)
{
    bool is_slip = strcmp(form, "slip") == 0;
    if (strcmp(form, "raw") == 0 && count == 1) {
        buffer_append_span(body, publications[0].text);
        return;
    }
    if (!is_slip && strcmp(form, "grip") != 0)
        fail("%zu publishes in one request of the form %s", count, form);
    buffer_append_text(body, is_slip ? "{\"events\":[" : "{\"items\":[");
    for (size_t i = 0; i < count; i++)
        buffer_append_format(
            body,
            is_slip ? "%s{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"c%u\",\"data\":\"%.*s\"}"
                    : "%s{\"channel\":\"c%u\",\"formats\":{\"ws-message\":{\"content\":\"%.*s\"}}}",
            i ? "," : "", publications[i].channel, SPAN_ARGS(publications[i].text));
    buffer_append_text(body, "]}");
}

static void disconnect(struct publisher *publisher)
{
    poller_remove(&publisher->source);
    close(publisher->source.fd);
    publisher->is_connected = false;
}

static void take_answer(struct publisher *publisher)
{
    struct buffer *answer = &publisher->answer;
    size_t head = http_head_length(buffer_span(answer));
    if (head == 0)
        return;
    int status = atoi(answer->data + 9);
    if (status < 200 || status > 299)
        fail("a publish was answered %.*s", SPAN_ARGS(buffer_span(answer)));
    size_t whole = head + http_content_length(span_of(answer->data, head));
    if (answer->length < whole)
        return;
    if (answer->length > whole || !publisher->is_waiting)
        fail("a publish was answered twice");
    bool ends = memmem(answer->data, head, "Connection: close", 17) != NULL;
    buffer_clear(answer);
    publisher->is_waiting = false;
    if (ends)
        disconnect(publisher);
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
    if (length <= 0) {
        if (publisher->is_waiting)
            fail("a publisher was cut off");
        disconnect(publisher);
        return;
    }
    buffer_append(&publisher->answer, data, (size_t)length);
    take_answer(publisher);
}

void publisher_init(struct publisher *publisher, const struct options *options,
                    void (*on_answered)(struct publisher *publisher))
{
    *publisher = (struct publisher){
        .source = {.on_event = on_event}, .options = options, .on_answered = on_answered};
}

static void connect_now(struct publisher *publisher)
{
    static const int on = 1, large = 4 << 20;
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in address = crowd_address(publisher->options->publish_target);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fail_errno("connecting a publisher");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large) < 0)
        fail_errno("setsockopt");
    publisher->source.fd = fd;
    publisher->is_connected = true;
    poller_add(&publisher->source, EPOLLIN);
}

void publisher_post(struct publisher *publisher, const struct publication *publications,
                    size_t count)
{
    static struct buffer request, body;
    const struct options *options = publisher->options;
    ASSERT(!publisher->is_waiting);
    buffer_clear(&request);
    buffer_clear(&body);
    append_body(&body, options->publish_form, publications, count);
    buffer_append_text(&request, "POST ");
    crowd_append_numbered(&request, options->publish_path, publications[0].channel);
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
    if (!publisher->is_connected)
        connect_now(publisher);
    /* The socket's buffer is empty, for the last request was answered, and larger than any body. */
    if (send(publisher->source.fd, request.data, request.length, MSG_NOSIGNAL) !=
        (ssize_t)request.length)
        fail_errno("publish");
}
