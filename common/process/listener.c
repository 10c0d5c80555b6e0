#include "common/process/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int open_at(const struct addrinfo *info, bool share_port, int *ret_fd)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && share_port)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && info->ai_family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (rc == 0 && bind(fd, info->ai_addr, info->ai_addrlen) < 0)
        rc = -errno;
    if (rc == 0 && listen(fd, BACKLOG) < 0)
        rc = -errno;
    if (rc == 0)
        *ret_fd = fd;
    else
        close(fd);
    return rc;
}

static bool is_elsewhere(int rc)
{
    return rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT;
}

int listener_open(const struct address *address, bool share_port, int *ret_fd)
{
    char port[8];
    struct addrinfo *list;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    snprintf(port, sizeof(port), "%u", address->port);
    if (getaddrinfo(address->host, port, &hints, &list) != 0)
        return -EADDRNOTAVAIL;
    int rc = -EADDRNOTAVAIL;
    for (const struct addrinfo *info = list; info && is_elsewhere(rc); info = info->ai_next)
        rc = open_at(info, share_port, ret_fd);
    freeaddrinfo(list);
    return rc;
}

uint16_t listener_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } name = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof(name);
    if (getsockname(fd, &name.any, &length) < 0)
        return 0;
    if (name.any.sa_family == AF_INET6)
        return ntohs(name.ipv6.sin6_port);
    return name.any.sa_family == AF_INET ? ntohs(name.ipv4.sin_port) : 0;
}
