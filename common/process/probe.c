#include "common/process/probe.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"

enum { PATIENCE_MS = 3000, ANSWER_BYTES = 1 << 20 };

/* Linux takes the unspecified address for this machine when one connects to it. */
static int connect_to(const struct address *address, int *ret_fd)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    struct addrinfo *found;
    char port[8];
    int rc = -EADDRNOTAVAIL;
    snprintf(port, sizeof(port), "%u", address->port);
    if (getaddrinfo(address->host, port, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at && rc < 0; at = at->ai_next) {
        int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd < 0) {
            rc = -errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        rc = connect(fd, at->ai_addr, at->ai_addrlen) < 0 ? -errno : 0;
        if (rc < 0)
            close(fd);
        else
            *ret_fd = fd;
    }
    freeaddrinfo(found);
    return rc;
}

static int send_request(int fd, const char *page)
{
    struct buffer request = {0};
    buffer_append_format(&request, "GET %s HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n",
                         page);
    ssize_t sent = send(fd, request.data, request.length, MSG_NOSIGNAL);
    int rc = sent < 0 ? -errno : (size_t)sent < request.length ? -ETIMEDOUT : 0;
    buffer_fini(&request);
    return rc;
}

/* To the end: the server closes. A peer that dribbles has no longer than one that is silent. */
static int receive_all(int fd, struct buffer *answer)
{
    const int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    for (;;) {
        ssize_t got = recv(fd, buffer_reserve(answer, 4096), 4096, 0);
        if (got == 0)
            return 0;
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
        buffer_commit(answer, (size_t)got);
        if (answer->length > ANSWER_BYTES)
            return -EPROTO;
        if (clock_monotonic_ms() > end_ms)
            return -ETIMEDOUT;
    }
}

/* "HTTP/1.1 200 OK", headers, an empty line, the body. */
static int take_answer(struct span answer, FILE *stream, unsigned int *ret_status)
{
    static const char version[] = "HTTP/1.1 ";
    const size_t at = sizeof(version) - 1;
    uint64_t status;
    if (answer.length < at + 3 || memcmp(answer.data, version, at) != 0 ||
        span_to_u64(span_of(answer.data + at, 3), 999, &status) < 0)
        return -EPROTO;
    const char *head = memmem(answer.data, answer.length, "\r\n\r\n", 4);
    if (!head)
        return -EPROTO;
    fwrite(head + 4, 1, answer.length - (size_t)(head + 4 - answer.data), stream);
    *ret_status = (unsigned int)status;
    return 0;
}

int probe_page(const struct address *address, const char *page, FILE *stream,
               unsigned int *ret_status)
{
    struct buffer answer = {0};
    int fd = -1;
    int rc = connect_to(address, &fd);
    if (rc == -EAGAIN || rc == -EINPROGRESS)
        rc = -ETIMEDOUT;
    if (rc < 0)
        return rc;
    rc = send_request(fd, page);
    if (rc == 0)
        rc = receive_all(fd, &answer);
    close(fd);
    if (rc == 0)
        rc = take_answer(buffer_span(&answer), stream, ret_status);
    buffer_fini(&answer);
    return rc;
}
