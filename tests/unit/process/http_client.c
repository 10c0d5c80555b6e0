#include "tests/unit/process/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { TURN_MS = 5, PIECE_BYTES = 65536 };

int client_connect(uint16_t port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

bool client_send(struct loop *loop, int fd, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        }
        loop_turn(loop, 0);
    }
    return true;
}

/* true while the connection is open. */
static bool read_some(int fd, struct buffer *answer)
{
    ssize_t got = recv(fd, buffer_reserve(answer, PIECE_BYTES), PIECE_BYTES, 0);
    if (got > 0)
        buffer_commit(answer, (size_t)got);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static struct span head_of(const struct buffer *answer)
{
    const char *end = answer->length ? memmem(answer->data, answer->length, "\r\n\r\n", 4) : NULL;
    return span_of(answer->data, end ? (size_t)(end - answer->data) : 0);
}

struct span client_body(const struct buffer *answer)
{
    size_t start = head_of(answer).length + 4;
    return span_of(answer->data + start, answer->length - start);
}

struct span client_header(const struct buffer *answer, const char *name)
{
    struct span rest = head_of(answer);
    while (rest.data) {
        struct span value = span_split(&rest, '\n');
        struct span key = span_split(&value, ':');
        if (!span_equal_nocase(key, span_text(name)))
            continue;
        if (value.length && value.data[value.length - 1] == '\r')
            value.length--;
        return span_trim(value);
    }
    return span_of(NULL, 0);
}

static bool is_complete(const struct buffer *answer, bool is_head)
{
    uint64_t length = 0;
    if (head_of(answer).length == 0)
        return false;
    if (is_head)
        return true;
    struct span text = client_header(answer, "Content-Length");
    return span_to_u64(text, UINT32_MAX, &length) == 0 && client_body(answer).length >= length;
}

int client_receive(struct loop *loop, int fd, bool is_head, struct buffer *answer)
{
    uint64_t status = 0;
    buffer_clear(answer);
    while (read_some(fd, answer) && !is_complete(answer, is_head))
        loop_turn(loop, TURN_MS);
    if (answer->length < 12)
        return 0;
    assert_int_equal(span_to_u64(span_of(answer->data + 9, 3), 999, &status), 0);
    return (int)status;
}

void client_wait_for_end(struct loop *loop, int fd)
{
    struct buffer rest = {0};
    while (read_some(fd, &rest)) {
        loop_turn(loop, TURN_MS);
        buffer_clear(&rest);
    }
    buffer_fini(&rest);
}

int client_exchange(struct loop *loop, uint16_t port, const char *request, struct buffer *answer)
{
    int fd = client_connect(port);
    (void)client_send(loop, fd, request, strlen(request));
    int status = client_receive(loop, fd, strncmp(request, "HEAD", 4) == 0, answer);
    close(fd);
    return status;
}
